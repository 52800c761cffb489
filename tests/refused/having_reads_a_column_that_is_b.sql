-- kind: Invalid
-- error: HAVING reads a column that is neither in GROUP BY nor in an aggregate
-- hint: add it to GROUP BY, or write the condition into WHERE
-- at: 1 = 1
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT 1 AS one FROM t HAVING 1 = 1;
