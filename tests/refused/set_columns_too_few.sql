-- kind: Invalid
-- error: EXCEPT needs as many columns on both sides
-- hint: the left has 1, the right has 2
-- at: SELECT k FROM t EXCEPT SELECT k, w FROM u
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t EXCEPT SELECT k, w FROM u;
