-- kind: Invalid
-- error: abs is no aggregate: DISTINCT, ORDER BY, FILTER and OVER mean nothing to it
-- hint: leave them out, or put an aggregate around the call
-- at: abs(v) FILTER (WHERE v > 1
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT abs(v) FILTER (WHERE v > 1) AS a FROM t;
