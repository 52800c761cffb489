-- kind: Refused
-- error: recursive queries are not maintained
-- hint: a fixed number of steps can be written as joins, one a step
-- at: WITH
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 AS i FROM n WHERE i < 5) SELECT i FROM n;
