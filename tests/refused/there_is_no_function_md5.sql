-- kind: Invalid
-- error: there is no function md5
-- hint: the functions are DataFusion's
-- at: md5
CREATE TABLE t (k VARCHAR, v BIGINT, x BIGINT, d DECIMAL(18,2), ts TIMESTAMP(6), f DOUBLE, b BOOLEAN, dt DATE) WITH (topic = 't');
CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');
CREATE MATERIALIZED VIEW r AS SELECT encode(k, 'base64') AS a, md5(k) AS b, sha256(k) AS c, digest(k, 'nope') AS e FROM t;
