-- expect: OR REPLACE is not supported in CREATE TABLE
-- at: 3:8
CREATE OR REPLACE TABLE t (id VARCHAR);
