-- kind: Invalid
-- error: column 'zz' not found
-- hint: name a column of what FROM reads
-- at: zz
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k AS 日本 FROM t WHERE k = '日本語' AND zz = 1;
