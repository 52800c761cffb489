-- kind: Refused
-- error: recursive queries are not maintained
-- hint: a fixed number of steps can be written as joins, one a step
-- at: WITH
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS WITH RECURSIVE r AS (SELECT k FROM t UNION ALL SELECT k FROM r) SELECT k FROM r;
