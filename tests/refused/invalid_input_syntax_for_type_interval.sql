-- kind: Invalid
-- error: invalid input syntax for type interval: "1 fortnight"
-- at: SELECT INTERVAL '1 fortnight' AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT INTERVAL '1 fortnight' AS a FROM t;
