-- kind: Invalid
-- error: for SELECT DISTINCT, ORDER BY expressions t.v must appear in select list
-- at: SELECT DISTINCT k FROM t ORDER BY v LIMIT 3
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT DISTINCT k FROM t ORDER BY v LIMIT 3;
