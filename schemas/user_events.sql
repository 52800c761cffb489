-- What users do in the App, apart from clicks that leave it. Sent by the App through the ingest endpoint, in batches.
-- Times are UTC; people, devices and addresses are pseudonyms, never names.
CREATE TABLE user_events (
  event_id    VARCHAR      NOT NULL,   -- a repeated delivery repeats it
  user_id     VARCHAR,                 -- NULL: not logged in
  device_id   VARCHAR,                 -- hash of the device
  session_id  VARCHAR,
  event_type  VARCHAR      NOT NULL,   -- VIEW, SEARCH, FAVOURITE, SHARE, COUPON_CLAIM, LOGIN, WITHDRAW_REQUEST
  item_id     VARCHAR,
  merchant_id VARCHAR,
  page        VARCHAR,                 -- name of the screen
  ip_hash     VARCHAR,                 -- salted hash
  ua_hash     VARCHAR,                 -- salted hash of the user agent
  event_time  TIMESTAMP(6) NOT NULL,   -- the App's clock, corrected by the server's
  ingest_time TIMESTAMP(6) NOT NULL    -- when we received it
) WITH (topic = 'user_events', format = 'json');
