-- expect: this statement defines neither a table nor a view
-- at: 4:1
CREATE TABLE t (id VARCHAR);
SELECT * FROM t;
