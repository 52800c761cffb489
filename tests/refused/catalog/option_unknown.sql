-- expect: unknown option `topik`
-- expect: the options are: topic, format, version, deleted, key_format, unknown_fields, retention
-- at: 11:24
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (format = 'json', topik = 't');
