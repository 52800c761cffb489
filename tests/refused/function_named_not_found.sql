-- kind: Invalid
-- error: there is no function not found
-- hint: the functions are DataFusion's
-- at: "not found"
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, "not found"(v) AS r FROM t;
