-- kind: Invalid
-- error: the key names who, which is not a column of view r (or is named twice)
-- hint: its columns are k, v
-- at: who
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r WITH (key = 'who') AS SELECT k, v FROM t;
