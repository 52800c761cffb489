-- kind: Invalid
-- error: GROUP BY 0 names no column of the SELECT
-- hint: they are counted from 1 to 2
-- at: 0
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, COUNT(*) AS n FROM t GROUP BY 0;
