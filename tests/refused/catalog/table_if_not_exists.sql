-- expect: IF NOT EXISTS is not supported in CREATE TABLE
-- expect: write CREATE TABLE name
-- at: 4:14
CREATE TABLE IF NOT EXISTS t (id VARCHAR);
