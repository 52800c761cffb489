-- kind: Invalid
-- error: row_number is a window function and needs OVER
-- hint: write row_number(...) OVER (PARTITION BY ... ORDER BY ...)
-- at: ROW_NUMBER
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT ROW_NUMBER() AS a FROM t;
