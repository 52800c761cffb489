-- expect: AS SELECT is not supported in CREATE TABLE
-- at: 3:29
CREATE TABLE t (id VARCHAR) AS SELECT 1;
