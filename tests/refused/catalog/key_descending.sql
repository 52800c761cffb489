-- expect: is not supported
-- at: 3:42
CREATE TABLE t (id VARCHAR, PRIMARY KEY (id DESC));
