-- The books: what was posted to users, never changed. A correction is a further entry. Sent by the posting service.
-- Amounts are signed, in units of `currency`; times are UTC.
CREATE TABLE ledger_entries (
  entry_id          VARCHAR       NOT NULL,   -- a repeated delivery repeats it
  user_id           VARCHAR       NOT NULL,
  entry_type        VARCHAR       NOT NULL,   -- REBATE BONUS FIRST_ORDER INVITER ADJUST CLAWBACK WITHDRAW FEE TAX
  amount            DECIMAL(18,2) NOT NULL,   -- plus: to the user; minus: from the user
  currency          VARCHAR       NOT NULL,   -- ISO 4217
  platform          VARCHAR,                  -- of the order line
  order_line_id     VARCHAR,                  -- NULL: not for an order line
  campaign_id       VARCHAR,                  -- of a BONUS
  rule_id           VARCHAR,                  -- rule of the rebate, as it was then
  rule_version      BIGINT,
  cause_event_id    VARCHAR,                  -- report of the network that led to it
  reverses_entry_id VARCHAR,                  -- of a CLAWBACK: the entry that it takes back, whole
  withdrawal_id     VARCHAR,                  -- of a WITHDRAW
  author            VARCHAR,                  -- of an ADJUST: who decided
  reason            VARCHAR,                  -- of an ADJUST: why
  event_time        TIMESTAMP(6)  NOT NULL,   -- when it was posted
  ingest_time       TIMESTAMP(6)
) WITH (topic = 'ledger_entries', format = 'json');
