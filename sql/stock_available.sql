-- How many pieces of each SKU does each warehouse have, and how many of them can still be sold?
-- A movement delivered twice counts once, as first received. RESERVE holds pieces, RELEASE frees
-- them, SELL takes them out.
CREATE MATERIALIZED VIEW stock_available
WITH (key = 'sku_id, warehouse_id', history = 'changes')
AS SELECT sku_id, warehouse_id, on_hand, reserved, on_hand - reserved AS available
FROM (
  SELECT sku_id, warehouse_id,
         SUM(CASE move_type WHEN 'RESTOCK' THEN qty WHEN 'RETURN' THEN qty WHEN 'ADJUST' THEN qty WHEN 'SELL' THEN -qty
                            ELSE 0 END) AS on_hand,
         SUM(CASE move_type WHEN 'RESERVE' THEN qty WHEN 'RELEASE' THEN -qty WHEN 'SELL' THEN -qty ELSE 0
                            END) AS reserved
  FROM (
    SELECT sku_id, warehouse_id, move_type, qty,
           ROW_NUMBER() OVER (PARTITION BY movement_id ORDER BY ingest_time) AS rn
    FROM stock_movements) d
  WHERE rn = 1
  GROUP BY sku_id, warehouse_id) m;
