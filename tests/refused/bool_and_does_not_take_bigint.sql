-- kind: Invalid
-- error: bool_and does not take (BIGINT)
-- hint: it is bool_and(Boolean)
-- at: BOOL_AND(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT BOOL_AND(v) AS a FROM t;
