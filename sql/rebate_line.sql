-- What does each order line earn its user, and by which rule? Commission after the network's fee, times the user's
-- share, times the multiplier of the user's level, cut (not rounded) to cents, at most the rule's cap. A line
-- without a matching rule is not here (see unrated_lines); a line without a commission has a NULL rebate.
CREATE MATERIALIZED VIEW rebate_line
WITH (key = 'platform, order_line_id', history = 'changes')
AS SELECT platform, order_line_id, user_id, merchant_id, item_id, category_id, campaign_id, currency,
       status, pay_time, receive_time, settle_time, rule_id, rule_version, user_level, level_mult, user_share,
            cap_per_order,
       commission_net,
       -- Not LEAST: it skips NULL, and an unknown commission would earn the whole cap.
       CASE WHEN uncapped > cap_per_order THEN cap_per_order ELSE uncapped END AS rebate
FROM (
  SELECT r.*, CAST(TRUNC(commission_net * user_share * level_mult, 2) AS DECIMAL(18,2)) AS uncapped
  FROM rated_line r) c;
