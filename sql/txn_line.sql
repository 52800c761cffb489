-- Whose is each order line? The click that the network gives back decides; without it a name that the network knows
-- one of our users by; without that the user whom the report itself names. Nobody is guessed from clicks that only
-- look alike.
CREATE VIEW txn_line AS
SELECT t.event_id, t.platform, t.order_line_id, t.source_modified, t.status, t.status_rank,
       COALESCE(c.user_id, b.user_id, t.user_id) AS user_id,
       CASE WHEN c.user_id IS NOT NULL THEN 'CLICK' WHEN b.user_id IS NOT NULL THEN 'BINDING'
            WHEN t.user_id IS NOT NULL THEN 'REPORT' END AS user_source,
       t.user_id AS reported_user_id, t.merchant_id, t.item_id, t.category_id,
       COALESCE(t.campaign_id, c.campaign_id) AS campaign_id, t.currency,
       t.pay_amount, t.settle_amount, t.commission_rate, t.est_commission, t.act_commission, t.service_fee_rate,
       t.service_fee, t.commission_net, t.pay_time, t.receive_time, t.settle_time, t.ingest_time, t.raw_ref,
       c.click_id, c.device_id, c.event_time AS click_time, c.quoted_share, c.rule_id AS quoted_rule_id,
       c.rule_version AS quoted_rule_version
FROM txn_latest t
LEFT JOIN clicks c ON c.click_id = COALESCE(t.click_id, t.sub_id)
LEFT JOIN user_bindings b ON b.platform = t.platform AND b.sub_id = t.sub_id;
