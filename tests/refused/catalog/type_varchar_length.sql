-- expect: the length of a text is not checked
-- at: 5:5
CREATE TABLE t (
  id VARCHAR,
  x VARCHAR(20)
);
