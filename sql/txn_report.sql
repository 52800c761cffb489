-- Which reports count? All but those from the future (see quarantined_reports).
CREATE VIEW txn_report AS
SELECT event_id, platform, order_line_id, source_modified, status, status_rank,
       user_id, merchant_id, item_id, category_id, campaign_id, currency,
       pay_amount, commission_rate, est_commission, act_commission, service_fee_rate,
       pay_time, receive_time, settle_time, ingest_time,
       parent_order_id, status_raw, click_id, sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee,
       click_time, order_time, refund_tag, decline_reason, raw_ref, commission_net
FROM all_reports
WHERE NOT is_early;
