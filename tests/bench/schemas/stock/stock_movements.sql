-- Movements of stock in the shape of the reference job: 146 bytes of JSON each, all delivered once.
CREATE TABLE stock_movements (
  movement_id  VARCHAR   NOT NULL,
  sku_id       VARCHAR   NOT NULL,
  warehouse_id VARCHAR   NOT NULL,
  move_type    VARCHAR   NOT NULL,   -- RESTOCK, RESERVE, RELEASE, SELL or RETURN
  qty          BIGINT    NOT NULL,   -- pieces
  event_time   TIMESTAMP NOT NULL    -- UTC
) WITH (topic = 'stock_movements', format = 'json');
