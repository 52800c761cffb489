-- kind: Refused
-- error: COLLATE is not maintained
-- hint: leave it out: text is compared by its bytes; lower(...) takes case away
-- at: k COLLATE "de"
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k COLLATE "de" AS a FROM t;
