-- kind: Invalid
-- error: corr does not take (VARCHAR, BIGINT)
-- hint: it is corr(y: Float64, x: Float64)
-- at: CORR(k, v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT CORR(k, v) AS a FROM t;
