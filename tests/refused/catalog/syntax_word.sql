-- expect: syntax error: expected
-- at: 4:1
CREATE TABLE t (id VARCHAR)
oops here;
