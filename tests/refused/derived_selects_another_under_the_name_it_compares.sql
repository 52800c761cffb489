-- kind: Refused
-- error: a subquery in FROM that compares k with an outer row does not select k
-- hint: select k in it, with GROUP BY k if it has aggregates; or write a join
-- at: SELECT w AS k FROM u WHERE u.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k, (SELECT MAX(q.k) FROM (SELECT w AS k FROM u WHERE u.k = t.k) q) AS m FROM t;
