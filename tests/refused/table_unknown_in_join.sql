-- kind: Invalid
-- error: `uu` is neither a table nor a view
-- hint: did you mean `u`?
-- at: uu
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t JOIN uu ON t.k = uu.k;
