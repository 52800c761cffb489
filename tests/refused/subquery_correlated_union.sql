-- kind: Refused
-- error: a UNION over rows that depend on an outer row is not maintained
-- hint: write one subquery for each part, put together by OR or +
-- at: SELECT COUNT(*) FROM (SELECT w FROM u WHERE u.k = t.k UNION ALL SELECT w FROM u WHERE u.w = t.v) y
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT COUNT(*) FROM (SELECT w FROM u WHERE u.k = t.k UNION ALL SELECT w FROM u WHERE u.w = t.v) y) AS n FROM t;
