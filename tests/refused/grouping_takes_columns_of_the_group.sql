-- kind: Invalid
-- error: GROUPING takes columns of the GROUP BY
-- hint: name one of them
-- at: GROUPING(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, GROUPING(v) AS g FROM t GROUP BY ROLLUP (k);
