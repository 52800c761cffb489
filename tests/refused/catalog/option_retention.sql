-- expect: option `retention` is not supported yet
-- at: 10:7
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (retention = '30 days');
