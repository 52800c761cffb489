-- kind: Invalid
-- error: BOOLEAN and VARCHAR do not go together
-- hint: cast one of them: CAST(... AS ...)
-- at: b
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT b = 'true' AS a FROM t;
