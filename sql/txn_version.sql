-- Which versions did each order line have? A report that was delivered again counts once, as first received.
CREATE VIEW txn_version AS
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, currency, est_commission,
       act_commission, commission_net, settle_time, ingest_time
FROM (
  SELECT t.*, ROW_NUMBER() OVER (PARTITION BY platform, order_line_id, event_id
                       ORDER BY ingest_time, source_modified) AS delivery
  FROM txn_report t) d
WHERE delivery = 1;
