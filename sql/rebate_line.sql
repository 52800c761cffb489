-- What does each order line earn its user, and by which rule?
-- Among the rules that match the line's platform, merchant, category and time of payment, the one with the greatest
-- priority counts. Commission after the network's fee, times the user's share, cut (not rounded) to cents, at most the
-- rule's cap. A line without a matching rule is not here; a line without a commission has a NULL rebate.
CREATE MATERIALIZED VIEW rebate_line
WITH (key = 'platform, order_line_id', history = 'changes')
AS SELECT platform, order_line_id, user_id, merchant_id, item_id, category_id, campaign_id, currency,
       status, pay_time, receive_time, settle_time, rule_id, rule_version, user_share, commission_net,
       -- Not LEAST: it skips NULL, and an unknown commission would earn the whole cap.
       CASE WHEN uncapped > cap_per_order THEN cap_per_order ELSE uncapped END AS rebate
FROM (
  SELECT platform, order_line_id, user_id, merchant_id, item_id, category_id, campaign_id, currency,
         status, pay_time, receive_time, settle_time, rule_id, rule_version, user_share, commission_net, cap_per_order,
         CAST(TRUNC(commission_net * user_share, 2) AS DECIMAL(18,2)) AS uncapped
  FROM (
    SELECT t.platform, t.order_line_id, t.user_id, t.merchant_id, t.item_id, t.category_id, t.campaign_id, t.currency,
           t.status, t.pay_time, t.receive_time, t.settle_time,
           r.rule_id, r.version AS rule_version, r.user_share, r.cap_per_order,
           CAST(COALESCE(t.act_commission, t.est_commission)
                - TRUNC(COALESCE(t.act_commission, t.est_commission) * t.service_fee_rate, 2)
                AS DECIMAL(18,2)) AS commission_net,
           ROW_NUMBER() OVER (PARTITION BY t.platform, t.order_line_id
               ORDER BY r.priority DESC, r.valid_from DESC, r.version DESC) AS pick
    FROM txn_latest t
    JOIN rate_rules r ON r.platform = t.platform AND r.merchant_id = t.merchant_id
         AND (r.category_id = t.category_id OR r.category_id IS NULL)
         AND t.pay_time >= r.valid_from AND t.pay_time < r.valid_to
  ) p
  WHERE pick = 1
) c;
