-- kind: Invalid
-- error: sum does not take (VARCHAR)
-- hint: cast the arguments to types that it takes
-- at: SUM(k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT SUM(k) AS s FROM t;
