-- kind: Refused
-- error: column nothing has no type, which cannot be kept
-- hint: cast it to VARCHAR, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE or TIMESTAMP
-- at: NULL AS nothing
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, NULL AS nothing FROM t;
