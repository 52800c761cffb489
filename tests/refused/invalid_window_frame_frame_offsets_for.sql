-- kind: Invalid
-- error: invalid window frame: frame offsets for ROWS / GROUPS must be non negative integers
-- at: SELECT SUM(v) OVER (ORDER BY v ROWS BETWEEN x PRECEDING AND CURRENT ROW) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(v) OVER (ORDER BY v ROWS BETWEEN x PRECEDING AND CURRENT ROW) AS a FROM t;
