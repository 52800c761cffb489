-- expect: a view has no order: ORDER BY needs a LIMIT
-- expect: a window that adds to a named window is not maintained
-- expect: LATERAL is not maintained
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT COUNT(*) OVER (o ROWS UNBOUNDED PRECEDING) AS n FROM t, LATERAL (SELECT w FROM u) y WINDOW o AS (PARTITION BY t.k ORDER BY v) ORDER BY 1;
