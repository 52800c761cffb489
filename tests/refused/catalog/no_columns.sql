-- expect: this table has no columns
-- at: 3:14
CREATE TABLE t;
