-- kind: Invalid
-- error: a subquery in FROM cannot read z.k of the relation beside it
-- hint: select what it compares, and compare it in ON: JOIN (SELECT ...) q ON q.a = t.b
-- at: z.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT z.k FROM t AS z LEFT JOIN (SELECT MAX(w) AS w FROM u WHERE u.k = z.k) q ON TRUE;
