-- kind: Invalid
-- error: date_trunc does not take (VARCHAR, BIGINT)
-- hint: it is date_trunc(String, Timestamp) or date_trunc(String, Time)
-- at: date_trunc('day', v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT date_trunc('day', v) AS a FROM t;
