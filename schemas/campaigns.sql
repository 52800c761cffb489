-- Campaigns that add to rebates. Sent by the back office. Amounts are in units of `currency`, times are UTC.
CREATE TABLE campaigns (
  campaign_id  VARCHAR       NOT NULL,
  version      BIGINT        NOT NULL,   -- the greatest counts
  kind         VARCHAR,                  -- BOOST (a share more), FIXED (an amount), RED_PACKET
  currency     VARCHAR       NOT NULL,   -- ISO 4217
  budget       DECIMAL(18,2) NOT NULL,   -- of the whole campaign
  cap_user_day DECIMAL(18,2) NOT NULL,   -- greatest sum for a user in a business day
  cap_order    DECIMAL(18,2),            -- greatest amount for an order line; NULL: none
  audience     VARCHAR,                  -- name of a group of users; NULL: everybody
  valid_from   TIMESTAMP(6)  NOT NULL,   -- first instant
  valid_to     TIMESTAMP(6)  NOT NULL,   -- first instant after
  PRIMARY KEY (campaign_id)
) WITH (topic = 'campaigns', format = 'json', version = 'version');
