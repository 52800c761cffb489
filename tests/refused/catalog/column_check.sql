-- expect: is not supported in a column
-- at: 5:12
CREATE TABLE t (
  id VARCHAR,
  x BIGINT CHECK (x > 0)
);
