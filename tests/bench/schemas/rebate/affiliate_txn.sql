-- Versions of order lines in the shape of the reference job: 354 bytes of JSON each, with duplicates and late ones.
CREATE TABLE affiliate_txn (
  platform        VARCHAR       NOT NULL,
  order_line_id   VARCHAR       NOT NULL,
  source_modified TIMESTAMP     NOT NULL,   -- UTC
  status          VARCHAR       NOT NULL,
  user_id         VARCHAR       NOT NULL,
  merchant_id     VARCHAR       NOT NULL,
  item_id         VARCHAR       NOT NULL,
  category_id     VARCHAR       NOT NULL,
  pay_amount      DECIMAL(12,2) NOT NULL,
  commission      DECIMAL(12,2) NOT NULL,
  order_time      TIMESTAMP     NOT NULL,   -- UTC
  pay_time        TIMESTAMP     NOT NULL,   -- UTC
  event_id        VARCHAR       NOT NULL
) WITH (topic = 'affiliate_txn', format = 'json');
