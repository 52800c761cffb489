-- kind: Invalid
-- error: array_element does not take (VARCHAR, BIGINT)
-- hint: it is array_element(array, index)
-- at: SELECT k[1] AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k[1] AS a FROM t;
