-- kind: Refused
-- error: LIMIT and OFFSET take a number
-- hint: write the number itself, such as LIMIT 10
-- at: 18446744073709551615
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t ORDER BY v LIMIT 18446744073709551615;
