-- kind: Invalid
-- error: approx_percentile_cont expects 2 arguments but received 1
-- hint: it is approx_percentile_cont(Float, Float64) or approx_percentile_cont(Float, Float64, Integer)
-- at: APPROX_PERCENTILE_CONT(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT APPROX_PERCENTILE_CONT(v) AS a FROM t;
