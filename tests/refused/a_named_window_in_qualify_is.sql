-- kind: Refused
-- error: a named window in QUALIFY is not maintained
-- hint: write the window itself: OVER (PARTITION BY ... ORDER BY ...)
-- at: ROW_NUMBER
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t QUALIFY ROW_NUMBER() OVER w = 1 WINDOW w AS (ORDER BY v);
