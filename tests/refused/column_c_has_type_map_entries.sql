-- kind: Refused
-- error: column c has type Map("entries": non-null Struct("key": non-null Utf8, "value": Int64), unsorted), which cannot be kept
-- hint: cast it to VARCHAR, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE or TIMESTAMP
-- at: c
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT [1, 2, 3] AS a, {'x': 1} AS b, MAP {'a': 1} AS c FROM t;
