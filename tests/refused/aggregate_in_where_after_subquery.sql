-- kind: Invalid
-- error: an aggregate cannot stand in WHERE
-- hint: write HAVING, after GROUP BY
-- at: SUM(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE k IN (SELECT k FROM u) AND SUM(v) > 1;
