-- kind: Invalid
-- error: TIMESTAMP(6) and BIGINT do not go together
-- hint: cast one of them: CAST(... AS ...)
-- at: ts
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT ts + 1 AS a FROM t;
