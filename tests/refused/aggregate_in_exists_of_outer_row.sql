-- kind: Refused
-- error: an aggregate in EXISTS, IN, ANY or ALL over rows that depend on an outer row is not maintained
-- hint: compare its value: x = (SELECT COUNT(*) ...); or add GROUP BY, if no rows are to have no value
-- at: SELECT COUNT(*) FROM u WHERE u.k = t.k
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE EXISTS (SELECT COUNT(*) FROM u WHERE u.k = t.k);
