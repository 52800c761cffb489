-- kind: Invalid
-- error: column 'k' not found in 'a'
-- hint: did you mean b.k?
-- at: a.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT a.k FROM t a RIGHT SEMI JOIN t b ON a.k = b.k;
