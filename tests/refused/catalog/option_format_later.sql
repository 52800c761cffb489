-- expect: format 'avro' is not supported yet
-- expect: use format = 'json'
-- at: 11:16
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (format = 'avro');
