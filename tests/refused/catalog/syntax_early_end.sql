-- expect: syntax error: expected
-- at: 3:27
CREATE TABLE t (id VARCHAR