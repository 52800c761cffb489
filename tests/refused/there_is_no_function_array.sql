-- kind: Invalid
-- error: there is no function array
-- hint: the functions are DataFusion's
-- at: ARRAY
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT ARRAY(SELECT w FROM u) AS a FROM t;
