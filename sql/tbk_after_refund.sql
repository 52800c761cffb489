-- What is left of a settled line of Taobao after a refund that is taken from us? Taobao does not change the settled
-- order: it deducts the commission of the refund from us later. So this is a further version of the line, at the
-- refund's time, with the commission less what we give back; the fee is computed anew.
CREATE VIEW tbk_after_refund AS
SELECT md5(concat_ws('|', o.event_id, 'refund', CAST(f.event_time AS VARCHAR),
       CAST(f.commission_back AS VARCHAR))) AS event_id,
       o.platform, o.order_line_id, GREATEST(o.source_modified, f.event_time) AS source_modified,
       CASE WHEN f.commission_back >= o.act_commission THEN 'REVERSED' ELSE o.status END AS status,
       CASE WHEN f.commission_back >= o.act_commission THEN 6 ELSE 5 END AS status_rank, o.user_id, o.merchant_id,
       o.item_id, o.category_id, o.campaign_id, o.currency, o.pay_amount, o.commission_rate, o.est_commission,
       CAST(CASE WHEN f.commission_back >= o.act_commission THEN 0.00 ELSE o.act_commission - f.commission_back END
            AS DECIMAL(18,2)) AS act_commission,
       o.service_fee_rate, o.pay_time, o.receive_time, o.settle_time,
       GREATEST(o.ingest_time, f.fetched_at) AS ingest_time, o.parent_order_id, o.status_raw, o.click_id, o.sub_id,
       o.sku_id, o.qty, o.qty_returned, o.settle_amount, o.subsidy, CAST(NULL AS DECIMAL(18,2)) AS service_fee,
       o.click_time, o.order_time, 'REFUND' AS refund_tag, o.decline_reason, f.body_hash AS raw_ref
FROM (
  SELECT r.*, ROW_NUMBER() OVER (PARTITION BY order_line_id
                ORDER BY source_modified DESC, status_rank DESC, ingest_time DESC, event_id DESC) AS rn
  FROM tbk_report r
  WHERE fault IS NULL) o
JOIN (
  SELECT r.*, ROW_NUMBER() OVER (PARTITION BY refund_id ORDER BY event_time DESC, fetched_at DESC, body_hash) AS rn
  FROM tbk_refund r
  WHERE fault IS NULL) f ON f.order_line_id = o.order_line_id
WHERE o.rn = 1 AND o.status = 'PAYABLE' AND f.rn = 1 AND f.deducted_from = 'AFFILIATE';
