-- kind: Invalid
-- error: cannot cast string 'abc' to value of BIGINT type
-- hint: a value that may not fit is cast by TRY_CAST, which gives NULL
-- at: SELECT k FROM t WHERE v = 'abc'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE v = 'abc';
