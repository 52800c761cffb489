-- Which stocktakes were there, each once?
CREATE VIEW stocktakes AS
SELECT snapshot_id, sku_id, warehouse_id, counted, event_time
FROM (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY snapshot_id ORDER BY ingest_time, event_time) AS delivery
  FROM stock_snapshots s) d
WHERE delivery = 1;
