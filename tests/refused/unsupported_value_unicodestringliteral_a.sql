-- kind: Invalid
-- error: unsupported Value 'UnicodeStringLiteral("A")'
-- at: SELECT k FROM t WHERE k = 'it''s' AND k <> E'a\nb' AND k <> U&'\0041'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE k = 'it''s' AND k <> E'a\nb' AND k <> U&'\0041';
