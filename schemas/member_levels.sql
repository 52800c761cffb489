-- What a member level multiplies the user's share by. Sent by the back office. Times are UTC.
CREATE TABLE member_levels (
  level      VARCHAR      NOT NULL,
  valid_from TIMESTAMP(6) NOT NULL,   -- first instant
  valid_to   TIMESTAMP(6) NOT NULL,   -- first instant after; 2200-01-01 stands for ever
  version    BIGINT       NOT NULL,   -- of this row; the greatest counts
  multiplier DECIMAL(9,6) NOT NULL,   -- 1.10 gives a tenth more
  PRIMARY KEY (level, valid_from)
) WITH (topic = 'member_levels', format = 'json', version = 'version');
