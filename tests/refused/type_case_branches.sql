-- kind: Invalid
-- error: the branches of a CASE have types that do not go together
-- hint: cast them to one type
-- at: SELECT CASE WHEN v > 1 THEN ts ELSE x END AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT CASE WHEN v > 1 THEN ts ELSE x END AS a FROM t;
