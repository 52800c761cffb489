-- kind: Invalid
-- error: WITHIN GROUP is only supported for ordered-set aggregate functions
-- at: SELECT SUM(v) WITHIN GROUP (ORDER BY v) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(v) WITHIN GROUP (ORDER BY v) AS a FROM t;
