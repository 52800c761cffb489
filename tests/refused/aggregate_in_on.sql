-- kind: Invalid
-- error: an aggregate cannot stand in ON
-- hint: compute it in an inner query, and join that: JOIN (SELECT ...) ON
-- at: SUM(v
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t JOIN u ON t.k = u.k AND SUM(v) > 1;
