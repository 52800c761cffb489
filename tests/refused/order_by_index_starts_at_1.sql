-- kind: Invalid
-- error: order by index starts at 1 for column indexes
-- at: SELECT k FROM t ORDER BY 0 LIMIT 3
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t ORDER BY 0 LIMIT 3;
