-- kind: Refused
-- error: the distance of LAG and LEAD and the number of NTILE and NTH_VALUE are constants
-- hint: write the number itself
-- at: SELECT LAG(v, x) OVER (ORDER BY v) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT LAG(v, x) OVER (ORDER BY v) AS a FROM t;
