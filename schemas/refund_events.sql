-- Versions of refunds, in our own form. Sent by customer service and by what already speaks this form; refunds that
-- Taobao reports come as raw_tbk_refunds. Amounts are in units of `currency`, times are UTC.
CREATE TABLE refund_events (
  refund_id       VARCHAR       NOT NULL,
  version         BIGINT        NOT NULL,   -- the greatest counts
  platform        VARCHAR       NOT NULL,
  order_line_id   VARCHAR       NOT NULL,
  refund_amount   DECIMAL(18,2) NOT NULL,   -- what the buyer gets back
  commission_back DECIMAL(18,2),            -- what the network takes back from us; NULL: not said
  currency        VARCHAR,                  -- ISO 4217
  status          VARCHAR       NOT NULL,   -- CREATED, SUCCESS, FAILED
  deducted_from   VARCHAR,                  -- AFFILIATE, SELLER; NULL: nobody yet
  event_time      TIMESTAMP(6),             -- when the refund changed
  ingest_time     TIMESTAMP(6)
) WITH (topic = 'refund_events', format = 'json');
