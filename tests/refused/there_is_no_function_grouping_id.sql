-- kind: Invalid
-- error: there is no function grouping_id
-- hint: did you mean grouping?
-- at: grouping_id
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT grouping_id(k) AS g FROM t GROUP BY CUBE(k);
