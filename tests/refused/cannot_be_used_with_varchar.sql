-- kind: Invalid
-- error: - cannot be used with VARCHAR
-- hint: perhaps you need to cast t.k; - can only be used with signed numeric types, intervals, and timestamps
-- at: k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT -k AS a FROM t;
