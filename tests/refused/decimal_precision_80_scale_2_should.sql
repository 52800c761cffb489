-- kind: Invalid
-- error: decimal(precision = 80, scale = 2) should satisfy `0 < precision <= 76`, and `scale <= precision`.
-- at: SELECT CAST(d AS DECIMAL(80,2)) AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT CAST(d AS DECIMAL(80,2)) AS a FROM t;
