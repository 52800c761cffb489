-- kind: Refused
-- error: an outer join or EXCEPT of rows that depend on an outer row is not maintained
-- hint: write the condition into WHERE, or NOT EXISTS in place of the join
-- at: SELECT k FROM u EXCEPT SELECT u.k FROM u WHERE u.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE EXISTS (SELECT k FROM u EXCEPT SELECT u.k FROM u WHERE u.k = t.k);
