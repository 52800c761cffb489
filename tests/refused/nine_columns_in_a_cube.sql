-- kind: Refused
-- error: not maintained: CUBE with more than 256 grouping sets
-- hint: write it another way, or in parts
-- at: SELECT COUNT(*) AS n FROM t GROUP BY CUBE (k, v, x, a, b, c, d, e, f
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, a BIGINT, b BIGINT, c BIGINT, d BIGINT, e BIGINT, f BIGINT) WITH (topic = 't');
CREATE MATERIALIZED VIEW r AS SELECT COUNT(*) AS n FROM t GROUP BY CUBE (k, v, x, a, b, c, d, e, f);
