-- kind: Invalid
-- error: sum does not take (Duration(µs))
-- hint: cast the arguments to types that it takes
-- at: SUM(ts - ts
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(ts - ts) AS a FROM t;
