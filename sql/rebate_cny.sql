-- What do each user's rebates come to in yuan? Each line by the rate at its time of payment, cut to fen. Lines
-- without such a rate are counted and not added.
CREATE MATERIALIZED VIEW rebate_cny
WITH (key = 'user_id')
AS SELECT user_id, CAST(COALESCE(SUM(in_cny), 0.00) AS DECIMAL(28,2)) AS rebate_cny, COUNT(*) AS lines,
       COUNT(*) FILTER (WHERE rate_to_cny IS NULL) AS lines_without_rate
FROM (
  SELECT r.user_id, f.rate_to_cny, CAST(TRUNC(r.rebate * f.rate_to_cny, 2) AS DECIMAL(18,2)) AS in_cny,
         ROW_NUMBER() OVER (PARTITION BY r.platform, r.order_line_id ORDER BY f.valid_from DESC) AS pick
  FROM rebate_line r
  LEFT JOIN fx_rates f ON f.currency = r.currency AND r.pay_time >= f.valid_from AND r.pay_time < f.valid_to
  WHERE r.status NOT IN ('DECLINED', 'REVERSED') AND r.user_id IS NOT NULL) c
WHERE pick = 1
GROUP BY user_id;
