-- kind: Invalid
-- error: lag is a window function and needs OVER
-- hint: write lag(...) OVER (PARTITION BY ... ORDER BY ...)
-- at: LAG(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT LAG(v) AS a FROM t;
