-- Which share of a commission a user gets. A rule is corrected by an event with a greater version; the greatest
-- wins. A change from some instant on is two events: the old rule closed (`valid_to`), and a new rule_id opened at
-- that instant. Sent by the back office. Shares are fractions (0.80 is 80 %), caps are in units of the order's
-- currency, times are UTC.
CREATE TABLE rate_rules (
  rule_id       VARCHAR        NOT NULL,
  version       BIGINT         NOT NULL,
  platform      VARCHAR        NOT NULL,
  merchant_id   VARCHAR,                   -- NULL: all merchants of the platform
  category_id   VARCHAR,                   -- NULL: all categories
  user_share    DECIMAL(9,6)   NOT NULL,
  cap_per_order DECIMAL(18,2),             -- greatest rebate of an order line; NULL: none
  priority      BIGINT         NOT NULL,   -- among the rules that match a line, the greatest wins
  valid_from    TIMESTAMP(6)   NOT NULL,   -- first instant
  valid_to      TIMESTAMP(6)   NOT NULL,   -- first instant after
  item_id       VARCHAR,                   -- NULL: all items
  author        VARCHAR,                   -- who decided
  reason        VARCHAR,                   -- why
  PRIMARY KEY (rule_id)
) WITH (topic = 'rate_rules', format = 'json', version = 'version');
