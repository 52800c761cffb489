-- kind: Invalid
-- error: cannot find column with position -1 in SELECT clause. Valid columns: 1 to 1
-- at: SELECT COUNT(*) AS n FROM t GROUP BY -1
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT COUNT(*) AS n FROM t GROUP BY -1;
