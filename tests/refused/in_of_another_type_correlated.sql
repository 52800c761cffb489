-- kind: Refused
-- error: IN with another type than that of w, which the subquery compares with the outer row
-- hint: write EXISTS (SELECT 1 ... WHERE a = b AND ...)
-- at: SELECT w FROM u WHERE u.w = t.x
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w INT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v IN (SELECT w FROM u WHERE u.w = t.x);
