-- kind: Refused
-- error: an expression of this query is not maintained
-- hint: write it another way: in parts, or with other functions
-- at: SELECT k IS NORMALIZED AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k IS NORMALIZED AS a FROM t;
