-- kind: Invalid
-- error: QUALIFY clause requires window functions in the SELECT list or QUALIFY clause
-- at: SELECT k FROM t QUALIFY v > 1
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t QUALIFY v > 1;
