-- kind: Invalid
-- error: two columns are named v
-- hint: give one an alias
-- at: SELECT * FROM t a JOIN t b USING (k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT * FROM t a JOIN t b USING (k);
