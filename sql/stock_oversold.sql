-- Which SKUs were sold further than there were pieces, and by which movement first? The first one of each warehouse
-- after which less than nothing could be sold.
CREATE MATERIALIZED VIEW stock_oversold
WITH (key = 'sku_id, warehouse_id')
AS SELECT sku_id, warehouse_id, kind, movement_id, order_id, event_time, available
FROM (
  SELECT sku_id, warehouse_id, kind, event_id AS movement_id, order_id, event_time, available,
         ROW_NUMBER() OVER (PARTITION BY sku_id, warehouse_id ORDER BY event_time, is_take, event_id) AS nth
  FROM stock_history
  WHERE available < 0) o
WHERE nth = 1;
