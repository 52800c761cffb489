-- expect: the aggregate array_agg is not maintained yet
-- expect: SUM, COUNT, AVG, MIN and MAX are
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT ARRAY_AGG(v) AS a FROM t;
