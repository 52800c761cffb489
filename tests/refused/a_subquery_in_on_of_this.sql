-- kind: Refused
-- error: a subquery in ON of this join is not maintained
-- hint: ask it of one side before the join: JOIN (SELECT ... WHERE EXISTS (...)) ON
-- at: SELECT 1 FROM u u2 WHERE u2.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t LEFT JOIN u ON EXISTS (SELECT 1 FROM u u2 WHERE u2.k = t.k);
