-- Which movements of stock were there, each once, and what did each do? As first received. RESERVE holds pieces,
-- RELEASE frees them, SELL takes reserved pieces out; `hand` and `held` are the signed pieces on hand and reserved.
CREATE VIEW stock_moves AS
SELECT movement_id, sku_id, warehouse_id, move_type, qty, order_id, event_time,
       CASE move_type WHEN 'RESTOCK' THEN qty WHEN 'RETURN' THEN qty WHEN 'ADJUST' THEN qty WHEN 'SELL' THEN -qty ELSE 0
            END AS hand,
       CASE move_type WHEN 'RESERVE' THEN qty WHEN 'RELEASE' THEN -qty WHEN 'SELL' THEN -qty ELSE 0 END AS held
FROM (
  SELECT m.*, ROW_NUMBER() OVER (PARTITION BY movement_id ORDER BY ingest_time) AS delivery
  FROM stock_movements m) d
WHERE delivery = 1;
