-- Which rule and which level does each order line get? Of the rules that match its platform, merchant, category and
-- item at the time of payment, the one with the greatest priority; among those the one that began last. NULL in a
-- rule matches everything. A user without a level at that time is at the base level, multiplier 1; a level without a
-- multiplier leaves it unknown. A line without a rule is not here.
CREATE VIEW rated_line AS
SELECT * FROM (
  SELECT m.*, u.level AS user_level, CASE WHEN u.level IS NULL THEN 1.000000 ELSE l.multiplier END AS level_mult,
         ROW_NUMBER() OVER (PARTITION BY m.platform, m.order_line_id
             ORDER BY m.priority DESC, m.rule_from DESC, m.rule_version DESC, m.rule_id,
                      u.valid_from DESC, l.valid_from DESC) AS pick
  FROM (
    SELECT t.*, r.rule_id, r.version AS rule_version, r.user_share, r.cap_per_order, r.priority,
         r.valid_from AS rule_from
    FROM txn_line t
    JOIN rate_rules r ON r.platform = t.platform AND r.merchant_id = t.merchant_id
         AND (r.category_id = t.category_id OR r.category_id IS NULL) AND (r.item_id = t.item_id OR r.item_id IS NULL)
         AND t.pay_time >= r.valid_from AND t.pay_time < r.valid_to
    UNION ALL
    SELECT t.*, r.rule_id, r.version AS rule_version, r.user_share, r.cap_per_order, r.priority,
         r.valid_from AS rule_from
    FROM txn_line t
    JOIN (SELECT * FROM rate_rules WHERE merchant_id IS NULL) r ON r.platform = t.platform
         AND (r.category_id = t.category_id OR r.category_id IS NULL) AND (r.item_id = t.item_id OR r.item_id IS NULL)
         AND t.pay_time >= r.valid_from AND t.pay_time < r.valid_to
  ) m
  LEFT JOIN user_scd u ON u.user_id = m.user_id AND m.pay_time >= u.valid_from AND m.pay_time < u.valid_to
  LEFT JOIN member_levels l ON l.level = u.level AND m.pay_time >= l.valid_from AND m.pay_time < l.valid_to
) p
WHERE pick = 1;
