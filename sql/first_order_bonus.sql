-- Who earned the bonus of a first order? The user's first line by time of payment that is not lost, if it was paid
-- within seven days of registration. When that line is lost, the next one can count.
CREATE MATERIALIZED VIEW first_order_bonus
WITH (key = 'user_id')
AS SELECT user_id, platform, order_line_id, pay_time, registered_at
FROM (
  SELECT t.user_id, t.platform, t.order_line_id, t.pay_time, u.registered_at,
         ROW_NUMBER() OVER (PARTITION BY t.user_id ORDER BY t.pay_time, t.platform, t.order_line_id) AS rn
  FROM txn_line t
  JOIN user_current u ON u.user_id = t.user_id
  WHERE t.status NOT IN ('TRACKED', 'DECLINED', 'REVERSED') AND t.pay_time IS NOT NULL) f
WHERE rn = 1 AND pay_time >= registered_at AND pay_time < registered_at + INTERVAL '7 days';
