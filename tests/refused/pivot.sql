-- kind: Refused
-- error: PIVOT is not maintained
-- hint: write SUM(x) FILTER (WHERE k = 'a') AS a, ... and GROUP BY the rest
-- at: t PIVOT (SUM(v) FOR k IN ('a', 'b'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT * FROM t PIVOT (SUM(v) FOR k IN ('a', 'b'));
