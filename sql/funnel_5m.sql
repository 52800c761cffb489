-- How many clicks of each merchant became orders, in windows of five minutes? Clicks count in the window of the
-- click, orders in the window of the payment. `orders_per_click` is a ratio of counts; NULL without clicks.
CREATE MATERIALIZED VIEW funnel_5m
WITH (key = 'merchant_id, window_start')
AS SELECT merchant_id, window_start, SUM(clicks) AS clicks, SUM(clickers) AS clickers, SUM(orders) AS orders,
       CAST(SUM(orders) AS DOUBLE) / NULLIF(SUM(clicks), 0) AS orders_per_click
FROM (
  SELECT merchant_id, DATE_BIN(INTERVAL '5 minutes', event_time, TIMESTAMP '1970-01-01 00:00:00') AS window_start,
         COUNT(*) AS clicks, COUNT(DISTINCT user_id) AS clickers, 0 AS orders
  FROM clicks
  GROUP BY 1, 2
  UNION ALL
  SELECT merchant_id, DATE_BIN(INTERVAL '5 minutes', pay_time, TIMESTAMP '1970-01-01 00:00:00'), 0, 0, COUNT(*)
  FROM txn_latest
  WHERE pay_time IS NOT NULL
  GROUP BY 1, 2) s
GROUP BY merchant_id, window_start;
