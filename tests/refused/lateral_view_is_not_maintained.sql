-- kind: Refused
-- error: LATERAL VIEW is not maintained
-- hint: write UNNEST(...) in the SELECT
-- at: explode(k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t LATERAL VIEW explode(k) y AS z;
