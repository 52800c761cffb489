-- By how many pieces did each stocktake differ from the books? Plus: more was found than the movements say.
CREATE MATERIALIZED VIEW stock_drift
WITH (key = 'sku_id, warehouse_id, snapshot_id')
AS SELECT sku_id, warehouse_id, snapshot_id, event_time, counted, booked, counted - booked AS difference
FROM (
  SELECT sku_id, warehouse_id, event_id AS snapshot_id, is_take, event_time, counted,
         COALESCE(LAG(on_hand) OVER (PARTITION BY sku_id, warehouse_id ORDER BY event_time, is_take, event_id),
              0) AS booked
  FROM stock_history) h
WHERE is_take = 1 AND counted <> booked;
