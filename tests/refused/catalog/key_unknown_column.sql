-- expect: the primary key names an unknown column `ip`
-- expect: did you mean `id`?
-- at: 6:16
CREATE TABLE t (
  id VARCHAR,
  PRIMARY KEY (ip)
);
