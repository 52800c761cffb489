-- expect: times are kept without a zone
-- at: 5:5
CREATE TABLE t (
  id VARCHAR,
  x TIMESTAMPTZ
);
