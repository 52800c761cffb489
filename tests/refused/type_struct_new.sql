-- expect: which cannot be kept
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT named_struct('a', k, 'b', v) AS s FROM t;
