-- kind: Invalid
-- error: there is no function approx_top_k
-- hint: the functions are DataFusion's
-- at: APPROX_TOP_K
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT APPROX_TOP_K(k, 3) AS a FROM t;
