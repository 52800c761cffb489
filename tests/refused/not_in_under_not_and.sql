-- kind: Refused
-- error: IN (SELECT ...) inside another expression is not maintained
-- hint: combine it with AND and OR only, or write EXISTS
-- at: SELECT k FROM t WHERE NOT (v > 10 AND k IN (SELECT k FROM u
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE NOT (v > 10 AND k IN (SELECT k FROM u));
