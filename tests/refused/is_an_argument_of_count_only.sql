-- kind: Invalid
-- error: `*` is an argument of COUNT(*) only
-- hint: name the columns: COUNT(a), COUNT(DISTINCT a)
-- at: COUNT(t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT COUNT(t.*) AS n FROM t;
