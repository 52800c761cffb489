-- kind: Invalid
-- error: a subquery in FROM cannot read t.k of the relation beside it
-- hint: select what it compares, and compare it in ON: JOIN (SELECT ...) q ON q.a = t.b
-- at: t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k, q.w FROM t, (SELECT w FROM u WHERE u.k = t.k) q;
