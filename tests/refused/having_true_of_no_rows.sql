-- kind: Refused
-- error: HAVING that is true of no rows, over rows that depend on an outer row, is not maintained
-- hint: put the condition into a CASE: SELECT CASE WHEN COUNT(*) = 0 THEN MAX(x) END
-- at: SELECT MAX(w) FROM u WHERE u.k = t.k HAVING COUNT(*) < 2
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT MAX(w) FROM u WHERE u.k = t.k HAVING COUNT(*) < 2) AS m FROM t;
