-- kind: Invalid
-- error: BIGINT and BOOLEAN do not go together
-- hint: cast one of them: CAST(... AS ...)
-- at: v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT v AND TRUE AS a FROM t;
