-- kind: Invalid
-- error: there isn't a common type to coerce BIGINT and VARCHAR in LIKE expression
-- at: SELECT k FROM t WHERE v LIKE '1%'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v LIKE '1%';
