-- kind: Invalid
-- error: an aggregate cannot stand in WHERE
-- hint: write HAVING, after GROUP BY
-- at: MAX(t.v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t GROUP BY k HAVING EXISTS (SELECT 1 FROM u WHERE u.w = MAX(t.v));
