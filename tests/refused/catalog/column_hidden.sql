-- expect: the name `_offset` begins with `_`
-- expect: metadata columns
-- at: 6:3
CREATE TABLE t (
  id VARCHAR,
  _offset BIGINT
);
