-- Versions of claims: a user says that an order is missing. Sent by customer service. Times are UTC.
CREATE TABLE claims (
  claim_id      VARCHAR      NOT NULL,
  version       BIGINT       NOT NULL,   -- the greatest counts
  user_id       VARCHAR      NOT NULL,
  platform      VARCHAR,
  order_ref     VARCHAR      NOT NULL,   -- order number as the user wrote it
  status        VARCHAR      NOT NULL,   -- OPEN, SENT, ACCEPTED, REJECTED
  order_line_id VARCHAR,                 -- the line that was found for it; NULL: none yet
  event_time    TIMESTAMP(6) NOT NULL,   -- when this version came to be
  ingest_time   TIMESTAMP(6)
) WITH (topic = 'claims', format = 'json');
