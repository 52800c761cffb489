-- What is the newest report of each order line?
-- The network's time of change decides; rank, our time of receipt and the event break ties.
CREATE MATERIALIZED VIEW txn_latest
WITH (key = 'platform, order_line_id', history = 'changes')
AS SELECT event_id, platform, order_line_id, source_modified, status, status_rank,
       user_id, merchant_id, item_id, category_id, campaign_id, currency,
       pay_amount, commission_rate, est_commission, act_commission, service_fee_rate,
       pay_time, receive_time, settle_time, ingest_time,
       parent_order_id, status_raw, click_id, sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee,
       click_time, order_time, refund_tag, decline_reason, raw_ref, commission_net
FROM (
  SELECT t.*, ROW_NUMBER() OVER (PARTITION BY platform, order_line_id
           ORDER BY source_modified DESC, status_rank DESC, ingest_time DESC, event_id DESC) AS rn
  FROM txn_report t) x
WHERE rn = 1;
