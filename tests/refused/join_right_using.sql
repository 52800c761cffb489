-- kind: Refused
-- error: USING and NATURAL of a RIGHT or FULL join are not maintained
-- hint: write ON a.k = b.k, and COALESCE(a.k, b.k) AS k where the key is shown
-- at: b
CREATE TABLE a (k VARCHAR, x BIGINT) WITH (topic = 'a');
CREATE TABLE b (k VARCHAR, y BIGINT) WITH (topic = 'b');
CREATE MATERIALIZED VIEW r AS SELECT k, x, y FROM a RIGHT JOIN b USING (k);
