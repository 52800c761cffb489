-- kind: Refused
-- error: a window or LIMIT over rows that depend on an outer row is not maintained
-- hint: number the rows with ROW_NUMBER() OVER (PARTITION BY ...) and join on the partition
-- at: SELECT w FROM u WHERE u.k = t.k LIMIT 1
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v > ALL (SELECT w FROM u WHERE u.k = t.k LIMIT 1);
