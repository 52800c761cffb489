-- What did each merchant's lines earn us and our users on each business day of payment?
CREATE MATERIALIZED VIEW rebate_daily_by_merchant
WITH (key = 'merchant_id, platform, currency, pay_day')
AS SELECT merchant_id, platform, currency, pay_day, COUNT(*) AS lines, COUNT(DISTINCT user_id) AS buyers,
       CAST(SUM(commission_net) AS DECIMAL(28,2)) AS commission_net, CAST(SUM(rebate) AS DECIMAL(28,2)) AS rebate,
       COUNT(*) FILTER (WHERE status IN ('DECLINED', 'REVERSED')) AS lines_lost
FROM (
  SELECT r.*, CAST(pay_time + utc_offset AS DATE) AS pay_day FROM rebate_line r CROSS JOIN business_zone) z
GROUP BY merchant_id, platform, currency, pay_day;
