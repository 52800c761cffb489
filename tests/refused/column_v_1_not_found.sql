-- kind: Invalid
-- error: column 'v + 1' not found
-- hint: name a column of what FROM reads
-- at: "v + 1"
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT "v + 1" FROM (SELECT v + 1 FROM t) y;
