-- kind: Refused
-- error: column b has type Dictionary(Int32, Utf8), which cannot be kept
-- hint: cast it to VARCHAR, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE or TIMESTAMP
-- at: arrow_cast(k, 'Dictionary(Int32, Utf8)') AS b
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT arrow_cast(v, 'Int8') AS a, arrow_cast(k, 'Dictionary(Int32, Utf8)') AS b FROM t;
