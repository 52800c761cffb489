-- kind: Invalid
-- error: 2 names are given to 1 columns
-- hint: name each column once, or none
-- at: SELECT k FROM t) AS y (a, b
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT a FROM (SELECT k FROM t) AS y (a, b);
