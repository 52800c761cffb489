-- expect: a clause of this statement is not supported in CREATE TABLE
-- at: 3:1
CREATE TABLE t (id VARCHAR) CLUSTER BY id;
