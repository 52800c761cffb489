-- kind: Invalid
-- error: replace expects 3 arguments but received 2
-- hint: it is replace(String, String, String)
-- at: replace(k, 'a'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT replace(k, 'a') AS a FROM t;
