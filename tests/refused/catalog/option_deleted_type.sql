-- expect: column `n` is not BOOLEAN
-- at: 10:17
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (deleted = 'n');
