-- kind: Refused
-- error: IS DISTINCT FROM takes everything to its right, AND and OR included
-- hint: write parentheses: (a IS DISTINCT FROM b) AND c
-- at: v IS NOT DISTINCT FROM x OR k = 'a'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v IS NOT DISTINCT FROM x OR k = 'a';
