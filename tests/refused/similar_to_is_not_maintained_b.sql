-- kind: Refused
-- error: SIMILAR TO is not maintained
-- hint: write LIKE, or ~ with a regular expression
-- at: k NOT SIMILAR TO 'a%'
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT k FROM t WHERE k NOT SIMILAR TO 'a%';
