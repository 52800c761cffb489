-- Coupons as they are now. Sent by the back office. Amounts are in units of `currency`, times are UTC.
CREATE TABLE coupons (
  coupon_id  VARCHAR       NOT NULL,
  version    BIGINT        NOT NULL,   -- the greatest counts
  user_id    VARCHAR,                  -- who claimed it; NULL: nobody yet
  campaign_id VARCHAR,
  face_value DECIMAL(18,2) NOT NULL,
  currency   VARCHAR       NOT NULL,   -- ISO 4217
  status     VARCHAR       NOT NULL,   -- ISSUED, CLAIMED, USED, EXPIRED
  valid_from TIMESTAMP(6)  NOT NULL,   -- first instant
  valid_to   TIMESTAMP(6)  NOT NULL,   -- first instant after
  PRIMARY KEY (coupon_id)
) WITH (topic = 'coupons', format = 'json', version = 'version');
