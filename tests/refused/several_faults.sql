-- kind: Refused
-- error: a view has no order: ORDER BY needs a LIMIT
-- hint: leave the order to the reader, or add a LIMIT
-- at: 1
-- error: a window that adds to a named window is not maintained
-- hint: write PARTITION BY, ORDER BY and the frame into OVER (...)
-- at: COUNT
-- error: LATERAL is not maintained
-- hint: write it as a join on the columns that it compares; for a LIMIT in it, number the rows with ROW_NUMBER() OVER (PARTITION BY ...)
-- at: SELECT w FROM u) y
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT COUNT(*) OVER (o ROWS UNBOUNDED PRECEDING) AS n FROM t, LATERAL (SELECT w FROM u) y WINDOW o AS (PARTITION BY t.k ORDER BY v) ORDER BY 1;
