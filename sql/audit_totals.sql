-- Must be empty: currencies in which the rebates of all lines, of all merchants and days, and of all users are not
-- the same sum. Lines of nobody and without a commission are left out on all sides.
CREATE MATERIALIZED VIEW audit_totals
WITH (key = 'currency')
AS SELECT currency, of_lines, of_days, of_users, of_nobody
FROM (
  SELECT currency, SUM(of_lines) AS of_lines, SUM(of_days) AS of_days, SUM(of_users) AS of_users,
       SUM(of_nobody) AS of_nobody
  FROM (
    SELECT currency, COALESCE(rebate, 0.00) AS of_lines, 0.00 AS of_days, 0.00 AS of_users,
           CASE WHEN user_id IS NULL THEN COALESCE(rebate, 0.00) ELSE 0.00 END AS of_nobody
    FROM rebate_line
    UNION ALL
    SELECT currency, 0.00, COALESCE(rebate, 0.00), 0.00, 0.00 FROM rebate_daily_by_merchant
    UNION ALL
    -- The balance shows what lost lines promised; their own rebate is added here, as in the other sums.
    SELECT currency, 0.00, 0.00, tracked + pending + received + approved + payable + paid, 0.00 FROM user_rebate_balance
    UNION ALL
    SELECT currency, 0.00, 0.00, COALESCE(rebate, 0.00), 0.00 FROM rebate_line
    WHERE status IN ('DECLINED', 'REVERSED') AND user_id IS NOT NULL) t
  GROUP BY currency) s
WHERE of_lines <> of_days OR of_lines <> of_users + of_nobody;
