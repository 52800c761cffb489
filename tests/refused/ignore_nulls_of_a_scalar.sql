-- kind: Invalid
-- error: abs is no aggregate: DISTINCT, ORDER BY, FILTER and OVER mean nothing to it
-- hint: leave them out, or put an aggregate around the call
-- at: ABS(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT) WITH (topic = 't');
CREATE MATERIALIZED VIEW r AS SELECT ABS(v) IGNORE NULLS AS a FROM t;
