-- kind: Invalid
-- error: inconsistent data length across values list: got 1 values in row 1 but expected 2
-- at: SELECT column1 AS a FROM (VALUES (1, 2), (3)) y
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT column1 AS a FROM (VALUES (1, 2), (3)) y;
