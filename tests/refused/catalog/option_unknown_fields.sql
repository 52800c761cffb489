-- expect: option `unknown_fields` cannot be 'drop'
-- expect: it can be 'keep' or 'ignore' or 'reject'
-- at: 11:24
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (unknown_fields = 'drop');
