-- kind: Invalid
-- error: a window function cannot stand in ON
-- hint: compute it in an inner query, and join that: JOIN (SELECT ...) ON
-- at: ROW_NUMBER
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT a.k, b.k AS k2 FROM t a LEFT JOIN t b ON a.k = b.k AND ROW_NUMBER() OVER (ORDER BY a.v) = 1;
