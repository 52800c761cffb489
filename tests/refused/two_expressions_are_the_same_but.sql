-- kind: Refused
-- error: two expressions are the same but for a CAST
-- hint: cast in an inner query: FROM (SELECT CAST(x AS ...) AS y ...)
-- at: SELECT MEDIAN(v) AS a, MEDIAN(d) AS b, MEDIAN(f) AS c, MEDIAN(CAST(v AS DOUBLE)) AS e FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT MEDIAN(v) AS a, MEDIAN(d) AS b, MEDIAN(f) AS c, MEDIAN(CAST(v AS DOUBLE)) AS e FROM t;
