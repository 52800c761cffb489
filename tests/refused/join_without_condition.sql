-- kind: Invalid
-- error: this join has no condition
-- hint: write ON a.k = b.k, or CROSS JOIN
-- at: u
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t LEFT JOIN u;
