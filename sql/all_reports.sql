-- Which reports of order lines are there, from all sources, in one form? `commission_net` is what is left to split:
-- the commission in the end, or else the expected one, less the network's fee, which is cut to cents unless the
-- network says it itself. An unknown commission or fee rate leaves it unknown. `is_early` marks reports that are
-- dated more than five minutes after we received them: a wrong clock or zone, which would hide later reports for
-- hours.
CREATE VIEW all_reports AS
SELECT event_id, platform, order_line_id, source_modified, status, status_rank,
       user_id, merchant_id, item_id, category_id, campaign_id, currency,
       pay_amount, commission_rate, est_commission, act_commission, service_fee_rate,
       pay_time, receive_time, settle_time, ingest_time,
       parent_order_id, status_raw, click_id, sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee,
       click_time, order_time, refund_tag, decline_reason, raw_ref,
       CAST(commission - COALESCE(service_fee, TRUNC(commission * service_fee_rate,
            2)) AS DECIMAL(18,2)) AS commission_net,
       source_modified > ingest_time + INTERVAL '5 minutes' AS is_early
FROM (
  SELECT event_id, platform, order_line_id, source_modified, status, status_rank,
         user_id, merchant_id, item_id, category_id, campaign_id, currency,
         pay_amount, commission_rate, est_commission, act_commission, service_fee_rate,
         pay_time, receive_time, settle_time, ingest_time,
         parent_order_id, status_raw, click_id, sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee,
         click_time, order_time, refund_tag, decline_reason, raw_ref,
         COALESCE(act_commission, est_commission) AS commission
  FROM affiliate_txn
  UNION ALL
  SELECT event_id, platform, order_line_id, source_modified, status, status_rank,
         user_id, merchant_id, item_id, category_id, campaign_id, currency,
         pay_amount, commission_rate, est_commission, act_commission, service_fee_rate,
         pay_time, receive_time, settle_time, ingest_time,
         parent_order_id, status_raw, click_id, sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee,
         click_time, order_time, refund_tag, decline_reason, raw_ref,
         COALESCE(act_commission, est_commission) AS commission
  FROM network_txn
) r;
