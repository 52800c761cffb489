-- expect: option `retention` does not go with the version `n`
-- expect: an older version that comes late could not be told from a new one once the newer one is gone
-- expect: use a version that is TIMESTAMP(6) NOT NULL, or leave out `retention`
-- expect: WHERE event_time > as_of - INTERVAL '400 days', over CROSS JOIN clock
-- at: 12:22
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  PRIMARY KEY (id)
)
WITH (version = 'n', retention = '30 days');
