-- Why is this rebate what it is? Every factor of one number: the report and the body that it was read from, amount,
-- rate, commission, fee, rule, share, level, cap, click. `uncapped` is the product before it is cut to cents.
CREATE MATERIALIZED VIEW rebate_explain
WITH (key = 'user_id, platform, order_line_id')
AS SELECT r.user_id, r.platform, r.order_line_id, r.user_source, r.status, r.event_id AS source_event,
       r.source_modified,
       r.ingest_time, r.raw_ref, r.pay_time, r.pay_amount, r.settle_amount, r.commission_rate, r.est_commission,
       r.act_commission, r.service_fee_rate,
       CAST(COALESCE(r.act_commission, r.est_commission) - r.commission_net AS DECIMAL(18,2)) AS service_fee,
       r.commission_net, r.rule_id, r.rule_version, r.user_share, r.user_level, r.level_mult,
       CAST(r.commission_net * r.user_share * r.level_mult AS DECIMAL(38,14)) AS uncapped, r.cap_per_order, l.rebate,
       l.rebate = r.cap_per_order AND r.commission_net * r.user_share * r.level_mult > r.cap_per_order AS is_capped,
       r.quoted_share, r.quoted_rule_id, r.quoted_rule_version, a.method AS click_method, a.click_id, a.click_time
FROM rated_line r
JOIN rebate_line l ON l.platform = r.platform AND l.order_line_id = r.order_line_id
LEFT JOIN click_attribution a ON a.platform = r.platform AND a.order_line_id = r.order_line_id;
