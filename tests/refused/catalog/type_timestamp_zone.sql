-- expect: write TIMESTAMP; it means UTC
-- at: 5:5
CREATE TABLE t (
  id VARCHAR,
  x TIMESTAMP WITH TIME ZONE
);
