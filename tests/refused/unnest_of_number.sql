-- kind: Invalid
-- error: unnest() can only be applied to array, struct and null
-- at: SELECT UNNEST(v) AS e FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT UNNEST(v) AS e FROM t;
