-- expect: column `id` is twice in the primary key
-- at: 5:20
CREATE TABLE t (
  id VARCHAR,
  PRIMARY KEY (id, id)
);
