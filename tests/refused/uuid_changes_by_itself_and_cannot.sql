-- kind: Refused
-- error: uuid() changes by itself and cannot be maintained
-- hint: make the value where the event is made, and send it as a column
-- at: uuid
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT uuid() AS a FROM t;
