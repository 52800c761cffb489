-- kind: Refused
-- error: UNNEST stands where it is not maintained
-- hint: write it in the SELECT of an inner query: FROM (SELECT UNNEST(...) AS x ...)
-- at: UNNEST([1,2
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(UNNEST([1,2])) AS a FROM t;
