-- kind: Invalid
-- error: GROUP BY 2 names an aggregate or a window function
-- hint: group by columns only
-- at: 2
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, COUNT(*) AS n FROM t GROUP BY 2;
