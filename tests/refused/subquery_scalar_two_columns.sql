-- kind: Invalid
-- error: a subquery that stands for one value has several columns
-- hint: select one column in it
-- at: SELECT k, (SELECT MIN(w), MAX(w) FROM u) AS m FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT MIN(w), MAX(w) FROM u) AS m FROM t;
