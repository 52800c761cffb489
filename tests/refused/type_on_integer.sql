-- kind: Invalid
-- error: ON needs a condition, and this is BIGINT
-- hint: write ON a.k = b.k
-- at: SELECT t.k FROM t JOIN u ON t.v + u.w
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t JOIN u ON t.v + u.w;
