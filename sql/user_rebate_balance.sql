-- What is each user owed in each currency, by state of the order line?
CREATE MATERIALIZED VIEW user_rebate_balance
WITH (key = 'user_id, currency', history = 'changes')
AS SELECT user_id, currency,
       CAST(COALESCE(SUM(rebate) FILTER (WHERE status = 'PENDING'), 0.00) AS DECIMAL(28,2)) AS pending,
       CAST(COALESCE(SUM(rebate) FILTER (WHERE status = 'RECEIVED'), 0.00) AS DECIMAL(28,2)) AS received,
       CAST(COALESCE(SUM(rebate) FILTER (WHERE status = 'APPROVED'), 0.00) AS DECIMAL(28,2)) AS approved,
       CAST(COALESCE(SUM(rebate) FILTER (WHERE status = 'PAYABLE'), 0.00) AS DECIMAL(28,2)) AS payable,
       CAST(COALESCE(SUM(rebate) FILTER (WHERE status IN ('DECLINED', 'REVERSED')), 0.00) AS DECIMAL(28,2)) AS lost,
       COUNT(*) AS lines,
       MAX(pay_time) AS last_pay_time
FROM rebate_line
GROUP BY user_id, currency;
