-- expect: window functions other than ROW_NUMBER() OVER (...) = 1 are not maintained yet
-- expect: keep the first row of each partition
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS rn FROM t;
