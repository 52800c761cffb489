-- What could be sold after each movement and each stocktake, in the order in which they happened? A stocktake counts
-- after the movements of its instant.
CREATE VIEW stock_history AS
SELECT sku_id, warehouse_id, kind, event_id, order_id, event_time, is_take, counted, on_hand, reserved,
       on_hand - reserved AS available
FROM (
  SELECT e.*, COALESCE(FIRST_VALUE(counted) OVER after_take, 0) + SUM(hand) OVER after_take AS on_hand
  FROM (
    SELECT v.*, COUNT(counted) OVER so_far AS takes, SUM(held) OVER so_far AS reserved
    FROM (
      SELECT sku_id, warehouse_id, move_type AS kind, movement_id AS event_id, order_id, event_time, 0 AS is_take, hand,
             held, CAST(NULL AS BIGINT) AS counted
      FROM stock_moves
      UNION ALL
      SELECT sku_id, warehouse_id, 'STOCKTAKE', snapshot_id, CAST(NULL AS VARCHAR), event_time, 1, 0, 0, counted
      FROM stocktakes) v
    WINDOW so_far AS (PARTITION BY sku_id, warehouse_id ORDER BY event_time, is_take, event_id
         ROWS UNBOUNDED PRECEDING)) e
  WINDOW after_take AS (PARTITION BY sku_id, warehouse_id, takes ORDER BY event_time, is_take, event_id
                        ROWS UNBOUNDED PRECEDING)) h;
