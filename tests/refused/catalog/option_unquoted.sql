-- expect: the value of option `topic` is not a quoted text
-- expect: write topic = '...'
-- at: 11:15
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (topic = orders);
