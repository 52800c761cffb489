-- kind: Refused
-- error: not maintained: wildcard * with RENAME not supported
-- hint: write it another way, or in parts
-- at: SELECT * RENAME (v AS vv) FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT * RENAME (v AS vv) FROM t;
