-- expect: DECIMAL(39,2) does not exist
-- at: 5:5
CREATE TABLE t (
  id VARCHAR,
  x DECIMAL(39,2)
);
