-- kind: Refused
-- error: an expression of this query is not maintained
-- hint: write it another way: in parts, or with other functions
-- at: SELECT COUNT(*) AS n FROM t GROUP BY n
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT COUNT(*) AS n FROM t GROUP BY n;
