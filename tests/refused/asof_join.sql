-- kind: Refused
-- error: ASOF JOIN is not maintained
-- hint: join on the equal columns, and keep the newest row by QUALIFY ROW_NUMBER() OVER (...) = 1
-- at: u
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t ASOF JOIN u MATCH_CONDITION (t.v >= u.w) ON t.k = u.k;
