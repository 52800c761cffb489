-- kind: Invalid
-- error: percentile value must be between 0.0 and 1.0 inclusive, 1.5 is invalid
-- at: SELECT PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY v) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY v) AS a FROM t;
