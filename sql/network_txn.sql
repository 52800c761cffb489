-- What do all networks report of each order line, in the form of affiliate_txn? Every row is the full state of a
-- line at one version, however the network corrects itself. Records that do not fit are in network_rejects.
CREATE MATERIALIZED VIEW network_txn
WITH (key = 'platform, order_line_id')
AS
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM tbk_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM jd_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM pdd_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM awin_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM cj_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM impact_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM impact_update_report
WHERE fault IS NULL
UNION ALL
SELECT event_id, platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id,
       category_id, campaign_id, currency, pay_amount, commission_rate, est_commission, act_commission,
       service_fee_rate, pay_time, receive_time, settle_time, ingest_time, parent_order_id, status_raw, click_id,
       sub_id, sku_id, qty, qty_returned, settle_amount, subsidy, service_fee, click_time, order_time, refund_tag,
       decline_reason, raw_ref
FROM tbk_after_refund;
