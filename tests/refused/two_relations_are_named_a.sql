-- kind: Invalid
-- error: two relations are named a
-- hint: give one another name: FROM t AS a JOIN t AS b
-- at: a
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT * FROM t AS a, u AS a;
