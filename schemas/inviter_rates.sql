-- Which share of a commission goes to the inviter (tier 1) and to the inviter's inviter (tier 2). There is no third
-- tier. Sent by the back office. Times are UTC; the payment's time picks the row.
CREATE TABLE inviter_rates (
  tier       BIGINT       NOT NULL,   -- 1 or 2; other tiers are not read
  valid_from TIMESTAMP(6) NOT NULL,   -- first instant
  valid_to   TIMESTAMP(6) NOT NULL,   -- first instant after; 2200-01-01 stands for ever
  version    BIGINT       NOT NULL,   -- of this row; the greatest counts
  rate       DECIMAL(9,6) NOT NULL,   -- fraction of the commission after the network's fee
  PRIMARY KEY (tier, valid_from)
) WITH (topic = 'inviter_rates', format = 'json', version = 'version');
