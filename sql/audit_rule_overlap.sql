-- Must be empty: pairs of rules that match the same lines at the same time with the same priority and give different
-- money. Which of them counts would be an accident of their dates.
CREATE MATERIALIZED VIEW audit_rule_overlap
WITH (key = 'rule_id, other_rule_id')
AS SELECT a.rule_id, b.rule_id AS other_rule_id, a.platform, a.merchant_id, a.category_id, a.item_id, a.priority
FROM (SELECT r.*, COALESCE(merchant_id, '*') AS m, COALESCE(category_id, '*') AS c, COALESCE(item_id, '*') AS i
      FROM rate_rules r WHERE valid_from < valid_to) a
JOIN (SELECT r.*, COALESCE(merchant_id, '*') AS m, COALESCE(category_id, '*') AS c, COALESCE(item_id, '*') AS i
      FROM rate_rules r WHERE valid_from < valid_to) b
  ON b.platform = a.platform AND b.m = a.m AND b.c = a.c AND b.i = a.i AND b.priority = a.priority
 AND b.rule_id > a.rule_id AND b.valid_from < a.valid_to AND a.valid_from < b.valid_to
WHERE a.user_share <> b.user_share OR COALESCE(a.cap_per_order, -1.00) <> COALESCE(b.cap_per_order, -1.00);
