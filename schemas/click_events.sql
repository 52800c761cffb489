-- Clicks that leave for a merchant. Sent by our redirect server, which knows the user. Times are UTC.
CREATE TABLE click_events (
  click_id     VARCHAR      NOT NULL,   -- also the sub-id in the link; a repeated delivery repeats it
  user_id      VARCHAR      NOT NULL,
  device_id    VARCHAR,                 -- hash of the device
  platform     VARCHAR,                 -- the network whose link it was: TBK, JD ...
  merchant_id  VARCHAR,
  item_id      VARCHAR,
  campaign_id  VARCHAR,
  slot_id      VARCHAR,                 -- promotion slot: pid, adzone, position
  quoted_share DECIMAL(9,6),            -- share that the user was shown, as a fraction
  rule_id      VARCHAR,                 -- rule that it was quoted from
  rule_version BIGINT,
  event_time   TIMESTAMP(6) NOT NULL,   -- our clock
  ingest_time  TIMESTAMP(6)             -- when we received it
) WITH (topic = 'click_events', format = 'json');
