-- kind: Refused
-- error: a subquery that reads a column from two levels up is not maintained
-- hint: select the column in the query between, or write a join
-- at: SELECT k FROM t WHERE v = (SELECT MAX(w) FROM u WHERE u.w < (SELECT MAX(w) FROM u u2 WHERE u2.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v = (SELECT MAX(w) FROM u WHERE u.w < (SELECT MAX(w) FROM u u2 WHERE u2.k = t.k));
