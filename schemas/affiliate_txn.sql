-- Versioned order lines as the affiliate networks report them. A line is reported again whenever its status or its
-- amounts change, late, twice and out of order; every report is one event.
-- Amounts are in units of `currency` (yuan, not fen), rates are fractions (0.30 is 30 %), times are UTC.
CREATE TABLE affiliate_txn (
  event_id         VARCHAR        NOT NULL,   -- of this report; a repeated delivery repeats it
  platform         VARCHAR        NOT NULL,   -- affiliate network: TBK, JD, AWIN ...
  order_line_id    VARCHAR        NOT NULL,   -- unique in its platform
  source_modified  TIMESTAMP(6)   NOT NULL,   -- when the network changed the line
  status           VARCHAR        NOT NULL,   -- TRACKED, PENDING, RECEIVED, APPROVED, PAYABLE, PAID, DECLINED, REVERSED
  status_rank      BIGINT         NOT NULL,   -- position of the status in a line's life; breaks ties only
  user_id          VARCHAR,                   -- NULL: bought by nobody that we know
  merchant_id      VARCHAR,
  item_id          VARCHAR,
  category_id      VARCHAR,
  campaign_id      VARCHAR,
  currency         VARCHAR,                   -- ISO 4217
  pay_amount       DECIMAL(18,2),
  commission_rate  DECIMAL(9,6),
  est_commission   DECIMAL(18,2),             -- estimated at payment
  act_commission   DECIMAL(18,2),             -- known from receipt on; NULL before
  service_fee_rate DECIMAL(9,6),              -- share of the commission that the network keeps
  pay_time         TIMESTAMP(6),
  receive_time     TIMESTAMP(6),
  settle_time      TIMESTAMP(6),
  ingest_time      TIMESTAMP(6)   NOT NULL    -- when we fetched this report
) WITH (topic = 'affiliate_txn', format = 'json');
