-- expect: it can be 'raw' or 'json'
-- at: 10:20
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (key_format = 'text');
