-- kind: Invalid
-- error: ANY and ALL compare values of two types that do not go together
-- hint: cast one of them
-- at: SELECT w FROM u
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE b > ANY (SELECT w FROM u);
