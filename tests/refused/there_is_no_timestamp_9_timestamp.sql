-- kind: Invalid
-- error: there is no TIMESTAMP(9) + TIMESTAMP(9)
-- hint: add and subtract times and intervals, or cast to a number
-- at: SELECT dt + INTERVAL '1 month' AS a, dt + ts AS b FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT dt + INTERVAL '1 month' AS a, dt + ts AS b FROM t;
