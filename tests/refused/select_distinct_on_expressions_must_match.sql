-- kind: Invalid
-- error: SELECT DISTINCT ON expressions must match initial ORDER BY expressions
-- at: SELECT DISTINCT ON (k) k, v FROM t ORDER BY v LIMIT 3
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT DISTINCT ON (k) k, v FROM t ORDER BY v LIMIT 3;
