-- kind: Invalid
-- error: NTILE requires a positive integer
-- at: SELECT NTILE(0) OVER (ORDER BY v) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT NTILE(0) OVER (ORDER BY v) AS a FROM t;
