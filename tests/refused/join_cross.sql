-- expect: a join without an equality between both sides is not maintained yet
-- expect: join on equal columns
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t CROSS JOIN u;
