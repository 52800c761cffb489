-- Which level a user had when. Sent by the member service. Times are UTC. A user without a row at some instant is at
-- the base level: multiplier 1.
CREATE TABLE user_scd (
  user_id    VARCHAR      NOT NULL,
  valid_from TIMESTAMP(6) NOT NULL,   -- first instant
  valid_to   TIMESTAMP(6) NOT NULL,   -- first instant after; 2200-01-01 stands for ever
  version    BIGINT       NOT NULL,   -- of this row; the greatest counts
  level      VARCHAR      NOT NULL,   -- of member_levels
  PRIMARY KEY (user_id, valid_from)
) WITH (topic = 'user_scd', format = 'json', version = 'version');
