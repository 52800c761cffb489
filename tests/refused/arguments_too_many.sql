-- kind: Invalid
-- error: abs expects 1 arguments but received 2
-- hint: it is abs(Numeric(1))
-- at: abs(v, 2
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT abs(v, 2) AS a FROM t;
