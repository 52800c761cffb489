-- kind: Refused
-- error: FETCH FIRST is not maintained
-- hint: write LIMIT
-- at: 3
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t ORDER BY v FETCH FIRST 3 ROWS ONLY;
