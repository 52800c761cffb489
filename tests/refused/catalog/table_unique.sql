-- expect: `UNIQUE (id)` is not supported
-- at: 3:37
CREATE TABLE t (id VARCHAR, UNIQUE (id));
