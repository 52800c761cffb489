-- Versioned order lines as the affiliate networks report them. A line is reported again whenever its status or its
-- amounts change, late, twice and out of order; every report is one event. Sent by what already speaks this form: an
-- ERP, a shop of our own, the generator. What a network sends in its own form goes into raw_tbk, raw_jd ... and
-- becomes this form in SQL (sql/network_txn.sql). Amounts are in units of `currency` (yuan, not fen), rates are
-- fractions (0.30 is 30 %), times are UTC.
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
  ingest_time      TIMESTAMP(6)   NOT NULL,   -- when we fetched this report
  parent_order_id  VARCHAR,                   -- the order that the line is part of
  status_raw       VARCHAR,                   -- the status in the network's own words
  click_id         VARCHAR,                   -- our click, where the network gives it back as it was
  sub_id           VARCHAR,                   -- what the network gives back of our link: a click, or a user
  sku_id           VARCHAR,
  qty              BIGINT,                    -- pieces
  qty_returned     BIGINT,                    -- pieces sent back so far
  settle_amount    DECIMAL(18,2),             -- what the commission is computed from in the end; NULL before
  subsidy          DECIMAL(18,2),             -- what the network adds to the commission
  service_fee      DECIMAL(18,2),             -- fee as the network computed it; NULL: commission times rate, cut
  click_time       TIMESTAMP(6),              -- by the network's clock
  order_time       TIMESTAMP(6),
  refund_tag       VARCHAR,                   -- the network's own mark of a refund
  decline_reason   VARCHAR,                   -- in the network's own words
  raw_ref          VARCHAR                    -- hash of the body that this report was read from
) WITH (topic = 'affiliate_txn', format = 'json');
