-- expect: only inner joins on equal columns are maintained yet
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT u.k FROM t RIGHT JOIN u ON t.k = u.k;
