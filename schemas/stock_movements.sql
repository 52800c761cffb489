-- Every change of a stock, sent by the merchant's or the warehouse's system. A movement may be delivered more than
-- once; `movement_id` tells. Quantities are pieces, times are UTC.
CREATE TABLE stock_movements (
  movement_id  VARCHAR        NOT NULL,
  sku_id       VARCHAR        NOT NULL,
  warehouse_id VARCHAR        NOT NULL,
  move_type    VARCHAR        NOT NULL,   -- RESTOCK, RETURN, ADJUST, RESERVE, RELEASE, SELL
  qty          BIGINT         NOT NULL,   -- positive; of an ADJUST also negative
  order_id     VARCHAR,                   -- of RESERVE, RELEASE and SELL
  event_time   TIMESTAMP(6)   NOT NULL,   -- when the stock changed
  ingest_time  TIMESTAMP(6)   NOT NULL,   -- when we received it
  reservation_id VARCHAR,                 -- of RESERVE, and of the RELEASE or SELL that ends it
  seq          BIGINT                     -- the sender's number of the movement in its SKU and warehouse
) WITH (topic = 'stock_movements', format = 'json');
