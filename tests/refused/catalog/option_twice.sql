-- expect: option `topic` is given twice
-- at: 10:20
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (topic = 'a', topic = 'b');
