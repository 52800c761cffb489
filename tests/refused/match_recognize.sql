-- kind: Refused
-- error: MATCH_RECOGNIZE is not maintained
-- hint: compare rows by LAG(...) and LEAD(...) OVER (PARTITION BY ...)
-- at: t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES FIRST(a.v) AS f PATTERN (a b+) DEFINE b AS b.v > a.v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES FIRST(a.v) AS f PATTERN (a b+) DEFINE b AS b.v > a.v);
