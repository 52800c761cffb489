-- For how many days do the pieces that can be sold last, at the pace of the last 24 hours? NULL: nothing was sold.
CREATE MATERIALIZED VIEW stock_cover
WITH (key = 'sku_id')
AS SELECT a.sku_id, a.available, COALESCE(v.sold_24h, 0) AS sold_24h,
       CAST(a.available AS DECIMAL(18,2)) / NULLIF(v.sold_24h, 0) AS days_of_cover
FROM (SELECT sku_id, SUM(available) AS available FROM stock_available GROUP BY sku_id) a
LEFT JOIN (
  SELECT sku_id, SUM(qty) AS sold_24h
  FROM stock_moves CROSS JOIN clock
  WHERE move_type = 'SELL' AND event_time > as_of - INTERVAL '24 hours'
  GROUP BY sku_id) v ON v.sku_id = a.sku_id;
