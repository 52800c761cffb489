-- What the risk rules said. Sent by the risk service. Times are UTC.
CREATE TABLE risk_signals (
  signal_id    VARCHAR      NOT NULL,   -- a repeated delivery repeats it
  subject_type VARCHAR      NOT NULL,   -- USER, DEVICE, LINE
  subject_id   VARCHAR      NOT NULL,   -- of a LINE: platform and line, as 'TBK/123'
  rule         VARCHAR      NOT NULL,   -- name of the rule
  score        DECIMAL(9,6),            -- 0 to 1
  action       VARCHAR      NOT NULL,   -- NOTE, HOLD, RELEASE; the newest HOLD or RELEASE of a subject counts
  event_time   TIMESTAMP(6) NOT NULL,
  ingest_time  TIMESTAMP(6)
) WITH (topic = 'risk_signals', format = 'json');
