-- expect: a subquery in an expression is not maintained yet
-- expect: write it as a join
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT MAX(w) FROM u) AS m FROM t;
