-- kind: Refused
-- error: LIMIT BY is not maintained
-- hint: number the rows: QUALIFY ROW_NUMBER() OVER (PARTITION BY ...) <= n
-- at: k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t LIMIT 3 BY k;
