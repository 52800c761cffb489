-- expect: write TIMESTAMP or TIMESTAMP(6)
-- at: 5:5
CREATE TABLE t (
  id VARCHAR,
  x TIMESTAMP(9)
);
