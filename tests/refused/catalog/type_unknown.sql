-- expect: unsupported column type JSON
-- expect: the types are: VARCHAR, BIGINT, INT, DOUBLE, BOOLEAN, DATE, DECIMAL(precision, scale), TIMESTAMP
-- at: 6:5
CREATE TABLE t (
  id VARCHAR,
  x JSON
);
