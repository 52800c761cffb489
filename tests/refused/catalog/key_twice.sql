-- expect: this table has two primary keys
-- at: 3:50
CREATE TABLE t (id VARCHAR PRIMARY KEY, n BIGINT PRIMARY KEY);
