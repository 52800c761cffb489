-- kind: Refused
-- error: current_timestamp() changes by itself and cannot be maintained
-- hint: read the table clock, whose one row has the time in as_of: FROM t CROSS JOIN clock WHERE ts > as_of - ...
-- at: current_timestamp
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, current_timestamp AS at FROM t;
