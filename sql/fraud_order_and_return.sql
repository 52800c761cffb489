-- Which users have most of their orders declined or reversed? Five lines or more, half of them or more lost.
CREATE MATERIALIZED VIEW fraud_order_and_return
WITH (key = 'user_id')
AS SELECT user_id, lines, lines_lost, penalties
FROM (
  SELECT user_id, COUNT(*) AS lines, COUNT(*) FILTER (WHERE status IN ('DECLINED', 'REVERSED')) AS lines_lost,
         COUNT(*) FILTER (WHERE status = 'REVERSED') AS penalties
  FROM txn_line
  WHERE user_id IS NOT NULL AND status <> 'TRACKED'
  GROUP BY user_id) u
WHERE lines >= 5 AND 2 * lines_lost >= lines;
