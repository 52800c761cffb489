-- kind: Refused
-- error: not maintained: decimal scale -400 exceeds the minimum supported scale: -128
-- hint: write it another way, or in parts
-- at: SELECT 1e400 AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT 1e400 AS a FROM t;
