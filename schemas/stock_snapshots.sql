-- Stocktakes: how many pieces were counted. Sent by the merchant's or the warehouse's system. A count replaces what the
-- movements before it add up to. Quantities are pieces, times are UTC.
CREATE TABLE stock_snapshots (
  snapshot_id  VARCHAR      NOT NULL,   -- a repeated delivery repeats it
  sku_id       VARCHAR      NOT NULL,
  warehouse_id VARCHAR      NOT NULL,
  counted      BIGINT       NOT NULL,   -- pieces on hand, reserved ones too
  event_time   TIMESTAMP(6) NOT NULL,   -- when they were counted
  ingest_time  TIMESTAMP(6)
) WITH (topic = 'stock_snapshots', format = 'json');
