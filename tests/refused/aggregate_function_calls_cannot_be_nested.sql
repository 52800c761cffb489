-- kind: Invalid
-- error: aggregate function calls cannot be nested
-- hint: compute 'count((1))' in an inner query and aggregate its result
-- at: SELECT SUM(COUNT(*)) AS s FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(COUNT(*)) AS s FROM t;
