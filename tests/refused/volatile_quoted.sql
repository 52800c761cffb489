-- kind: Refused
-- error: random() changes by itself and cannot be maintained
-- hint: time enters a view as a column of an event
-- at: SELECT k, "random"() AS r FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, "random"() AS r FROM t;
