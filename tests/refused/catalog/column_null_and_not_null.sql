-- expect: column `x` is both NULL and NOT NULL
-- at: 5:16
CREATE TABLE t (
  id VARCHAR,
  x BIGINT NOT NULL NULL
);
