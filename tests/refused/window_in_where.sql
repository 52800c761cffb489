-- kind: Invalid
-- error: a window function cannot stand in WHERE
-- hint: write QUALIFY, after GROUP BY and HAVING
-- at: ROW_NUMBER
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) = 1;
