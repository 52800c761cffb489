-- kind: Refused
-- error: a view has no order: ORDER BY needs a LIMIT
-- hint: leave the order to the reader, or add a LIMIT
-- at: k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t UNION ALL SELECT k FROM u ORDER BY k;
