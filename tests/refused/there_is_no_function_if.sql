-- kind: Invalid
-- error: there is no function if
-- hint: the functions are DataFusion's
-- at: IF
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT IF(v > 1, 'a', 'b') AS a FROM t;
