-- Must be empty: stocks whose served figures differ from a replay of all movements and stocktakes from the beginning.
CREATE MATERIALIZED VIEW audit_stock
WITH (key = 'sku_id, warehouse_id')
AS SELECT sku_id, warehouse_id, on_hand, on_hand_replayed, reserved, reserved_replayed
FROM (
  SELECT sku_id, warehouse_id, SUM(hand_s) AS on_hand, SUM(hand_r) AS on_hand_replayed, SUM(held_s) AS reserved,
         SUM(held_r) AS reserved_replayed, SUM(left_s) AS available
  FROM (
    SELECT sku_id, warehouse_id, on_hand AS hand_s, 0 AS hand_r, reserved AS held_s, 0 AS held_r, available AS left_s
    FROM stock_available
    UNION ALL
    SELECT sku_id, warehouse_id, 0, on_hand, 0, reserved, 0
    FROM (
      SELECT sku_id, warehouse_id, on_hand, reserved,
             ROW_NUMBER() OVER (PARTITION BY sku_id, warehouse_id
                 ORDER BY event_time DESC, is_take DESC, event_id DESC) AS rn
      FROM stock_history) n
    WHERE rn = 1) u
  GROUP BY sku_id, warehouse_id) s
WHERE on_hand <> on_hand_replayed OR reserved <> reserved_replayed OR available <> on_hand - reserved;
