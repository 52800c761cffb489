-- What the networks answered, body by body, as it came: the evidence behind every line. Sent by the collectors and
-- by the webhooks. Views read the records cut out of it (raw_tbk, raw_jd ...); this is for the day somebody asks.
CREATE TABLE affiliate_raw (
  fetch_id    VARCHAR      NOT NULL,   -- of this call; the records cut out of the body name it
  platform    VARCHAR      NOT NULL,   -- TBK, JD, PDD, AWIN, CJ, IMPACT
  account     VARCHAR,                 -- our account at the network
  api         VARCHAR      NOT NULL,   -- method or path that was called, or WEBHOOK
  cursor      VARCHAR,                 -- window and page
  http_status BIGINT,
  body        VARCHAR,                 -- as text
  body_hash   VARCHAR      NOT NULL,   -- SHA-256 of the body, in hexadecimal digits
  records     BIGINT,                  -- records that were cut out of it
  fetched_at  TIMESTAMP(6) NOT NULL    -- UTC
) WITH (topic = 'affiliate_raw', format = 'json');
