-- Versions of withdrawals. Sent by the payment service. Amounts are in units of `currency`, times are UTC.
CREATE TABLE withdrawals (
  withdrawal_id VARCHAR       NOT NULL,
  version       BIGINT        NOT NULL,   -- the greatest counts
  user_id       VARCHAR       NOT NULL,
  amount        DECIMAL(18,2) NOT NULL,   -- positive; what leaves the balance
  fee           DECIMAL(18,2),            -- part of the amount that the channel keeps
  currency      VARCHAR       NOT NULL,   -- ISO 4217
  channel       VARCHAR,                  -- how it is paid
  status        VARCHAR       NOT NULL,   -- REQUESTED, APPROVED, PAID, REJECTED, FAILED
  event_time    TIMESTAMP(6),             -- when this version came to be
  ingest_time   TIMESTAMP(6)
) WITH (topic = 'withdrawals', format = 'json');
