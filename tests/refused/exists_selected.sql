-- kind: Refused
-- error: a subquery at this place is not maintained
-- hint: subqueries are maintained in SELECT (one value), WHERE and HAVING; elsewhere write a join
-- at: SELECT 1 FROM u WHERE u.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, EXISTS (SELECT 1 FROM u WHERE u.k = t.k) AS known FROM t;
