-- expect: unknown option `a`
-- expect: unsupported column type JSON
-- expect: syntax error: expected
-- expect: `DEFAULT 1` is not supported in a column
-- at: 6:19
CREATE TABLE t (x JSON, y BIGINT DEFAULT 1) WITH (a = 'b');
CREATE TABLE (;
CREATE VIEW v AS SELECT * FROM t;
