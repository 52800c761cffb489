-- What is known of a SKU beside its stock. Sent by the merchant's system.
CREATE TABLE sku_dim (
  sku_id         VARCHAR NOT NULL,
  version        BIGINT  NOT NULL,   -- the greatest counts
  merchant_id    VARCHAR,
  item_id        VARCHAR,
  safety_stock   BIGINT  NOT NULL,   -- pieces in all warehouses below or at which the SKU is low
  lead_time_days BIGINT,             -- from order to delivery
  PRIMARY KEY (sku_id)
) WITH (topic = 'sku_dim', format = 'json', version = 'version');
