-- kind: Invalid
-- error: two queries of WITH are named c
-- hint: give one another name
-- at: c
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS WITH c AS (SELECT k FROM t), c AS (SELECT k FROM u) SELECT k FROM c;
