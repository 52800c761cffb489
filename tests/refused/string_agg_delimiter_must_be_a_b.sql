-- kind: Invalid
-- error: string_agg delimiter must be a string literal
-- at: SELECT STRING_AGG(k, k) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT STRING_AGG(k, k) AS a FROM t;
