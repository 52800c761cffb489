-- kind: Invalid
-- error: in array_agg(DISTINCT ... ORDER BY ...) the expressions of ORDER BY must be arguments
-- at: SELECT k, ARRAY_AGG(DISTINCT v ORDER BY x) AS a FROM t GROUP BY k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, ARRAY_AGG(DISTINCT v ORDER BY x) AS a FROM t GROUP BY k;
