-- kind: Invalid
-- error: TIMESTAMP(6) and DECIMAL(18, 2) do not go together
-- hint: cast one of them: CAST(... AS ...)
-- at: ts + d
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT ts + d AS s FROM t;
