-- kind: Refused
-- error: LIKE ANY is not maintained
-- hint: write one LIKE for each pattern, put together by OR
-- at: SELECT k FROM t WHERE k LIKE ANY ('a%', 'b%'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE k LIKE ANY ('a%', 'b%');
