-- expect: a view has no order: ORDER BY needs a LIMIT
-- expect: leave the order to the reader, or add a LIMIT
CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT, d DECIMAL(18,2), x DOUBLE, ts TIMESTAMP(6));
CREATE TABLE u (k VARCHAR NOT NULL, w BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT k FROM t ORDER BY k;
