-- expect: option `retention` does not go with `version`
-- expect: an older version that comes late could not be told from a new one once the newer one is gone
-- expect: leave out `version` (the last event of a key in the topic is then its newest), or leave out `retention`
-- expect: WHERE event_time > as_of - INTERVAL '400 days', over CROSS JOIN clock
-- at: 12:22
CREATE TABLE t (
  id VARCHAR NOT NULL,
  n BIGINT,
  b BOOLEAN,
  PRIMARY KEY (id)
)
WITH (version = 'n', retention = '30 days');
