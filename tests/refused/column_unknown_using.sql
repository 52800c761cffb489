-- kind: Invalid
-- error: column 'v' not found
-- hint: name a column of what FROM reads
-- at: SELECT k FROM t JOIN u USING (v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t JOIN u USING (v);
