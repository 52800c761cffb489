-- kind: Invalid
-- error: NOT cannot be used with TIMESTAMP(6)
-- hint: perhaps you need to cast t.ts; NOT can only be used with boolean expressions
-- at: ts
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT NOT ts AS a FROM t;
