-- expect: `UNIQUE` is not supported in a column
-- at: 5:21
CREATE TABLE t (
  id VARCHAR,
  x BIGINT NOT NULL UNIQUE
);
