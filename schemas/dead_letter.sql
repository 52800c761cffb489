-- What the collectors could not cut into records. Sent by them. (What this program cannot read stands in its own dead
-- letters; records that do not fit stand in the view network_rejects.)
CREATE TABLE dead_letter (
  event_id   VARCHAR      NOT NULL,   -- a repeated delivery repeats it
  source     VARCHAR      NOT NULL,   -- collector or webhook
  topic      VARCHAR,                 -- where it should have gone
  fetch_id   VARCHAR,                 -- of affiliate_raw
  reason     VARCHAR      NOT NULL,
  body_ref   VARCHAR,                 -- hash of the body
  event_time TIMESTAMP(6) NOT NULL    -- UTC
) WITH (topic = 'dead_letter', format = 'json');
