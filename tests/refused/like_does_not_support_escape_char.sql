-- kind: Invalid
-- error: LIKE does not support escape_char other than the backslash (\)
-- at: SELECT k FROM t WHERE k LIKE 'a!%'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE k LIKE 'a!%' ESCAPE '!';
