-- kind: Refused
-- error: LATERAL is not maintained
-- hint: write it as a join on the columns that it compares; for a LIMIT in it, number the rows with ROW_NUMBER() OVER (PARTITION BY ...)
-- at: SELECT w FROM u WHERE u.k = t.k) y
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k, y.w FROM t JOIN LATERAL (SELECT w FROM u WHERE u.k = t.k) y ON TRUE;
