-- kind: Refused
-- error: a subquery in ORDER BY is not maintained
-- hint: compute it as a column in an inner query, and order by that
-- at: SELECT MAX(w) FROM u WHERE u.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t ORDER BY (SELECT MAX(w) FROM u WHERE u.k = t.k) LIMIT 3;
