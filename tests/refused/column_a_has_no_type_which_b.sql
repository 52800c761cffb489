-- kind: Refused
-- error: column a has no type, which cannot be kept
-- hint: cast it to VARCHAR, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE or TIMESTAMP
-- at: SELECT k, NULL AS a, NULL AS b FROM t UNION ALL SELECT k, NULL, 1 FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, NULL AS a, NULL AS b FROM t UNION ALL SELECT k, NULL, 1 FROM t;
