-- kind: Invalid
-- error: sqrt does not take (TIMESTAMP(6))
-- hint: it is sqrt(Float64/Float32)
-- at: sqrt(ts
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT sqrt(ts) AS a FROM t;
