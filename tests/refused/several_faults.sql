-- expect: SELECT DISTINCT is not maintained yet
-- expect: ORDER BY and LIMIT of a query
-- expect: only inner joins
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT DISTINCT t.k FROM t LEFT JOIN u ON t.k = u.k ORDER BY 1;
