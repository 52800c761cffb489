-- expect: is not supported
-- at: 3:42
CREATE TABLE t (id VARCHAR, FOREIGN KEY (id) REFERENCES o (id));
