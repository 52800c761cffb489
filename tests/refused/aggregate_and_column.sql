-- kind: Invalid
-- error: t.k is neither in GROUP BY nor in an aggregate
-- hint: add t.k to GROUP BY, or take one value of it, such as MAX(t.k)
-- at: k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, SUM(v) AS s FROM t;
