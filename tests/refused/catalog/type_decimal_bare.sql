-- expect: DECIMAL without a precision
-- expect: write DECIMAL(18, 2)
-- at: 6:5
CREATE TABLE t (
  id VARCHAR,
  x DECIMAL
);
