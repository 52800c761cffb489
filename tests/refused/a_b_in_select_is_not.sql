-- kind: Refused
-- error: (a, b) IN (SELECT ...) is not maintained
-- hint: write EXISTS (SELECT 1 FROM ... WHERE x = a AND y = b)
-- at: k, v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE (k, v) IN (SELECT k, w FROM u);
