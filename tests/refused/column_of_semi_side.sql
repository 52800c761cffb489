-- kind: Invalid
-- error: column 'w' not found in 'u'
-- hint: name a column of what FROM reads
-- at: u.w
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k, u.w FROM t LEFT SEMI JOIN u ON t.k = u.k;
