-- kind: Refused
-- error: table functions are not maintained
-- hint: read a table or a view, or write (VALUES ...) or UNNEST(...)
-- at: range
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT value FROM range(1, 10);
