-- expect: option `version` names an unknown column `m`
-- expect: did you mean `n`?
-- at: 11:17
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  d DOUBLE,
  PRIMARY KEY (id)
)
WITH (version = 'm');
