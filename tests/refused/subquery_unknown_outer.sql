-- kind: Invalid
-- error: column 'z' not found in 't'
-- hint: name a column of what FROM reads
-- at: t.z
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.z);
