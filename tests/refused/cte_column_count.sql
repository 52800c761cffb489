-- kind: Invalid
-- error: 2 names are given to 1 columns
-- hint: name each column once, or none
-- at: WITH c (a, b) AS (SELECT k FROM t) SELECT a FROM c
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS WITH c (a, b) AS (SELECT k FROM t) SELECT a FROM c;
