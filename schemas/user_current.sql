-- Users as they are now. Sent by the member service. Times are UTC. No names, no numbers: user_id is a pseudonym.
CREATE TABLE user_current (
  user_id       VARCHAR      NOT NULL,
  version       BIGINT       NOT NULL,   -- the greatest counts
  inviter_id    VARCHAR,                 -- who brought this user; NULL: nobody
  registered_at TIMESTAMP(6) NOT NULL,
  status        VARCHAR,                 -- ACTIVE, FROZEN, CLOSED; NULL: ACTIVE
  PRIMARY KEY (user_id)
) WITH (topic = 'user_current', format = 'json', version = 'version');
