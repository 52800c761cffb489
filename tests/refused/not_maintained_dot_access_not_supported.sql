-- kind: Refused
-- error: an expression of this query is not maintained
-- hint: write it another way: in parts, or with other functions
-- at: SELECT struct(k, v) AS a, named_struct('x', v).x AS b FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT struct(k, v) AS a, named_struct('x', v).x AS b FROM t;
