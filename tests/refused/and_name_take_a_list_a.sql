-- kind: Invalid
-- error: [...] and .name take a list, a struct or a map
-- hint: text is cut by substr(...), JSON in it is not read
-- at: SELECT v.foo AS a FROM t
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT v.foo AS a FROM t;
