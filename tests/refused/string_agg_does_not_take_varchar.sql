-- kind: Invalid
-- error: string_agg does not take (VARCHAR)
-- hint: it is string_agg(LargeUtf8, Utf8) or string_agg(LargeUtf8, LargeUtf8) or string_agg(LargeUtf8, Null) or string_agg(LargeUtf8, Utf8View) or string_agg(Utf8, Utf8) or string_agg(Utf8, LargeUtf8) or string_agg(Utf8, Null) or string_agg(Utf8, Utf8View) or string_agg(Utf8View, Utf8View) or string_agg(Utf8View, LargeUtf8) or string_agg(Utf8View, Null) or string_agg(Utf8View, Utf8)
-- at: STRING_AGG(k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT STRING_AGG(k) AS a FROM t;
