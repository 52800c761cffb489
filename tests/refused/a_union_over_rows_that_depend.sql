-- kind: Refused
-- error: a UNION over rows that depend on an outer row is not maintained
-- hint: write one subquery for each part, put together by OR or +
-- at: SELECT 1 FROM u WHERE u.k = t.k UNION SELECT 1 FROM u WHERE u.w = t.v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k UNION SELECT 1 FROM u WHERE u.w = t.v);
