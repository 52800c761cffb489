-- kind: Invalid
-- error: row_number does not take (BIGINT)
-- hint: it is row_number(NullAry())
-- at: ROW_NUMBER(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT ROW_NUMBER(v) OVER (ORDER BY v) AS a FROM t;
