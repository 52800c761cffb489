-- kind: Refused
-- error: table functions are not maintained
-- hint: read a table or a view, or write (VALUES ...) or UNNEST(...)
-- at: generate_series
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, value FROM t CROSS JOIN generate_series(1, 3);
