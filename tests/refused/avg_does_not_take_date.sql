-- kind: Invalid
-- error: avg does not take (DATE)
-- hint: cast the arguments to types that it takes
-- at: AVG(dt
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT AVG(dt) AS a FROM t;
