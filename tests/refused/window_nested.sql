-- kind: Invalid
-- error: window function calls cannot be nested
-- hint: compute 'row_number() ORDER BY [t.v ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW' in an inner query and use its result here
-- at: v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(ROW_NUMBER() OVER (ORDER BY v)) OVER (ORDER BY v) AS s FROM t;
