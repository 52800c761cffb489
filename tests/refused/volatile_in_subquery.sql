-- kind: Refused
-- error: random() changes by itself and cannot be maintained
-- hint: make the value where the event is made, and send it as a column
-- at: random
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE k IN (SELECT k FROM u WHERE random() > 0.5);
