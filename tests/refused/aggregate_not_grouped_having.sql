-- kind: Invalid
-- error: t.v is neither in GROUP BY nor in an aggregate
-- hint: add t.v to GROUP BY, or take one value of it, such as MAX(t.v)
-- at: v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t GROUP BY k HAVING v > 1;
