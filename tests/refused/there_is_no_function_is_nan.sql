-- kind: Invalid
-- error: there is no function is_nan
-- hint: did you mean isnan?
-- at: is_nan
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT is_nan(f) AS a, isnan(f) AS b FROM t;
