-- kind: Refused
-- error: the value of this subquery depends on the outer row otherwise than by =
-- hint: write a join and group: FROM t LEFT JOIN u ON u.k > t.k GROUP BY t.k
-- at: SELECT MAX(w) FROM u WHERE u.k > t.k
CREATE TABLE t (k VARCHAR, v BIGINT) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k, (SELECT MAX(w) FROM u WHERE u.k > t.k) AS above FROM t;
