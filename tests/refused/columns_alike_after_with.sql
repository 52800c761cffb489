-- kind: Invalid
-- error: two columns are named a
-- hint: give one an alias
-- at: v AS a
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS WITH c AS (SELECT k, v FROM t) SELECT k AS a, v AS a FROM c;
