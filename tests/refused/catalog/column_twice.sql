-- expect: column `id` is declared twice
-- at: 5:3
CREATE TABLE t (
  id VARCHAR,
  ID BIGINT
);
