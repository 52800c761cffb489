-- expect: USING and NATURAL of a RIGHT or FULL join are not maintained
-- expect: COALESCE(a.k, b.k)
CREATE TABLE a (k BIGINT, x BIGINT);
CREATE TABLE b (k BIGINT, y BIGINT);
CREATE MATERIALIZED VIEW r AS SELECT k, x, y FROM a FULL JOIN b USING (k);
