-- Requests that our services answered. Sent by the log collector. Times are UTC. No texts: only a hash of the message.
CREATE TABLE system_logs (
  event_id     VARCHAR      NOT NULL,   -- a repeated delivery repeats it
  service      VARCHAR      NOT NULL,
  route        VARCHAR,                 -- pattern of the path, without ids
  status       BIGINT,                  -- HTTP status
  latency_ms   DOUBLE,
  level        VARCHAR,                 -- DEBUG, INFO, WARN, ERROR
  message_hash VARCHAR,
  event_time   TIMESTAMP(6) NOT NULL,   -- the service's clock
  ingest_time  TIMESTAMP(6)
) WITH (topic = 'system_logs', format = 'json');
