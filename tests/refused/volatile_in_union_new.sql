-- expect: random() changes by itself and cannot be maintained
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT x FROM t UNION ALL SELECT random() AS x FROM u;
