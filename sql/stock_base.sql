-- What did the last stocktake of each SKU and warehouse count, and when?
CREATE VIEW stock_base AS
SELECT sku_id, warehouse_id, counted, event_time
FROM (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY sku_id, warehouse_id ORDER BY event_time DESC, snapshot_id DESC) AS rn
  FROM stocktakes s) b
WHERE rn = 1;
