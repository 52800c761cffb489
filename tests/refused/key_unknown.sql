-- expect: the key names who, which is not a column of view r
-- expect: its columns are k, v
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r WITH (key = 'who') AS SELECT k, v FROM t;
