-- kind: Invalid
-- error: this operator does not take VARCHAR
-- hint: AND and OR take conditions, arithmetic takes numbers
-- at: k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k ->> 'a' AS a FROM t;
