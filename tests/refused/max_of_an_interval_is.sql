-- kind: Refused
-- error: not maintained: MIN and MAX of an INTERVAL
-- hint: write it another way, or in parts
-- at: SELECT MAX(CASE WHEN v > 0 THEN INTERVAL '1 day' END) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT MAX(CASE WHEN v > 0 THEN INTERVAL '1 day' END) AS a FROM t;
