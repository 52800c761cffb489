-- What is each user owed in each currency, by state of the order line? `lost` is what declined and reversed lines had
-- promised. Lines that belong to nobody are in attribution_gaps, not here.
CREATE MATERIALIZED VIEW user_rebate_balance
WITH (key = 'user_id, currency', history = 'changes')
AS SELECT user_id, currency,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'TRACKED'), 0.00) AS DECIMAL(28,2)) AS tracked,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'PENDING'), 0.00) AS DECIMAL(28,2)) AS pending,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'RECEIVED'), 0.00) AS DECIMAL(28,2)) AS received,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'APPROVED'), 0.00) AS DECIMAL(28,2)) AS approved,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'PAYABLE'), 0.00) AS DECIMAL(28,2)) AS payable,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'PAID'), 0.00) AS DECIMAL(28,2)) AS paid,
       CAST(COALESCE(SUM(amount) FILTER (WHERE state = 'LOST'), 0.00) AS DECIMAL(28,2)) AS lost,
       COUNT(*) FILTER (WHERE state <> 'LOST') AS lines,
       MAX(pay_time) AS last_pay_time
FROM (
  SELECT user_id, currency, status AS state, rebate AS amount, pay_time FROM rebate_line
  UNION ALL
  SELECT user_id, currency, 'LOST', promised, pay_time FROM rebate_lost
) s
WHERE user_id IS NOT NULL
GROUP BY user_id, currency;
