-- kind: Invalid
-- error: a subquery that stands for one value may have several rows
-- hint: leave its GROUP BY out, or group by the columns that it compares
-- at: SELECT COUNT(*) FROM u WHERE u.k = t.k GROUP BY w
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT COUNT(*) FROM u WHERE u.k = t.k GROUP BY w) AS n FROM t;
