-- expect: VALUES is not maintained yet
-- expect: read a table or a view
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT column1 AS a FROM (VALUES (1), (2)) x;
