-- kind: Invalid
-- error: there is no INTERVAL * BIGINT
-- hint: add and subtract times and intervals, or cast to a number
-- at: SELECT INTERVAL '1 day' * v AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT INTERVAL '1 day' * v AS a FROM t;
