-- expect: `DEFAULT 0` is not supported in a column
-- expect: it can say NOT NULL and PRIMARY KEY
-- at: 6:12
CREATE TABLE t (
  id VARCHAR,
  x BIGINT DEFAULT 0
);
