-- expect: cannot name a topic
-- at: 10:15
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (topic = 'a b');
