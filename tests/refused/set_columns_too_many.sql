-- kind: Invalid
-- error: UNION needs as many columns on both sides
-- hint: the left has 2, the right has 1
-- at: SELECT k, v FROM t UNION SELECT k FROM u
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, v FROM t UNION SELECT k FROM u;
