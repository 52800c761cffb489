-- expect: TEMPORARY is not supported in CREATE TABLE
-- at: 3:8
CREATE TEMP TABLE t (id VARCHAR);
