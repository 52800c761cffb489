-- kind: Refused
-- error: not maintained: unsupported SQL type JSON
-- hint: write it another way, or in parts
-- at: SELECT CAST(v AS JSON) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT CAST(v AS JSON) AS a FROM t;
