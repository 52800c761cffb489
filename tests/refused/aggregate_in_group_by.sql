-- kind: Invalid
-- error: an aggregate cannot stand in GROUP BY
-- hint: compute it in an inner query, and group that
-- at: SUM(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT COUNT(*) AS n FROM t GROUP BY SUM(v);
