-- The user's share of the commission, by platform and merchant.
CREATE TABLE rate_rules (
  platform    VARCHAR      NOT NULL,
  merchant_id VARCHAR      NOT NULL,
  user_share  DECIMAL(9,6) NOT NULL,
  PRIMARY KEY (platform, merchant_id)
) WITH (topic = 'rate_rules', format = 'json');
