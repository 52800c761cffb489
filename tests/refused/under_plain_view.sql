-- expect: a join without an equality between both sides is not maintained yet
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE VIEW p AS SELECT k, v FROM t WHERE v > 1;
CREATE MATERIALIZED VIEW r AS SELECT p.k FROM p CROSS JOIN u;
