-- How many pieces of each SKU does each warehouse have, and how many of them can still be sold? On hand is what the
-- last stocktake counted, plus what moved after it; without one, what moved at all. A movement at the instant of the
-- stocktake was counted by it. Reservations go on through a stocktake.
CREATE MATERIALIZED VIEW stock_available
WITH (key = 'sku_id, warehouse_id', history = 'changes')
AS SELECT sku_id, warehouse_id, on_hand, reserved, on_hand - reserved AS available
FROM (
  SELECT sku_id, warehouse_id, SUM(hand) AS on_hand, SUM(held) AS reserved
  FROM (
    SELECT m.sku_id, m.warehouse_id,
           CASE WHEN m.event_time <= s.event_time THEN 0 ELSE m.hand END AS hand, m.held
    FROM stock_moves m
    LEFT JOIN stock_base s ON s.sku_id = m.sku_id AND s.warehouse_id = m.warehouse_id
    UNION ALL
    SELECT sku_id, warehouse_id, counted, 0 FROM stock_base
  ) u
  GROUP BY sku_id, warehouse_id) t;
