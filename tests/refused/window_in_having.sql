-- kind: Invalid
-- error: a window function cannot stand in HAVING
-- hint: write QUALIFY, after HAVING
-- at: ROW_NUMBER
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t GROUP BY k HAVING ROW_NUMBER() OVER (ORDER BY k) = 1;
