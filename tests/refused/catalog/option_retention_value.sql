-- expect: option `retention` cannot be '30 minutes'
-- at: 11:19
-- expect: it can be '1 hour' to '36500 days', in whole hours or days
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (retention = '30 minutes');
