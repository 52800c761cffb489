-- kind: Invalid
-- error: a view changes nothing: its query is a SELECT
-- hint: write SELECT ...
-- at: INSERT INTO u SELECT k, v FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS INSERT INTO u SELECT k, v FROM t;
