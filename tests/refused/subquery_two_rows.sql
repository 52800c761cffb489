-- kind: Refused
-- error: a subquery that stands for one value may have several rows
-- hint: make it one with an aggregate, such as MAX, or with LIMIT 1
-- at: SELECT w FROM u LIMIT 2
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT w FROM u LIMIT 2) AS w FROM t;
