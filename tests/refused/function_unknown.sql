-- kind: Invalid
-- error: there is no function no_such_function
-- hint: the functions are DataFusion's
-- at: no_such_function
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT no_such_function(k) AS f FROM t;
