-- Which SKUs have no more pieces to sell, over all warehouses, than their safety stock? A SKU without any movement
-- counts as sold out.
CREATE MATERIALIZED VIEW stock_low
WITH (key = 'sku_id')
AS SELECT sku_id, merchant_id, available, safety_stock, lead_time_days
FROM (
  SELECT d.sku_id, d.merchant_id, d.safety_stock, d.lead_time_days, COALESCE(a.available, 0) AS available
  FROM sku_dim d
  LEFT JOIN (SELECT sku_id, SUM(available) AS available
       FROM stock_available GROUP BY sku_id) a ON a.sku_id = d.sku_id) s
WHERE available <= safety_stock;
