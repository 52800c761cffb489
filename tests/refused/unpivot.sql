-- kind: Refused
-- error: UNPIVOT is not maintained
-- hint: write one SELECT for each column, put together by UNION ALL
-- at: t UNPIVOT (n FOR c IN (v, x
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT * FROM t UNPIVOT (n FOR c IN (v, x));
