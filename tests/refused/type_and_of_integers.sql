-- kind: Invalid
-- error: this operator does not take BIGINT
-- hint: AND and OR take conditions, arithmetic takes numbers
-- at: SELECT k FROM t WHERE v AND x
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v AND x;
