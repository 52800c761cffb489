-- How much of an article lies in a warehouse, and how much of it is reserved.
CREATE MATERIALIZED VIEW q_stock
WITH (key = 'sku_id, warehouse_id', history = 'changes')
AS SELECT sku_id, warehouse_id,
  SUM(CASE move_type WHEN 'RESTOCK' THEN qty WHEN 'RETURN' THEN qty WHEN 'SELL' THEN -qty ELSE 0 END) AS on_hand,
  SUM(CASE move_type WHEN 'RESERVE' THEN qty WHEN 'RELEASE' THEN -qty WHEN 'SELL' THEN -qty ELSE 0 END) AS reserved,
  COUNT(*) AS n
FROM stock_movements
GROUP BY sku_id, warehouse_id;
