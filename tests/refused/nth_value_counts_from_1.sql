-- kind: Invalid
-- error: NTH_VALUE counts from 1
-- hint: write 1 for the first row
-- at: NTH_VALUE(k, 0
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT NTH_VALUE(k, 0) AS a FROM t;
