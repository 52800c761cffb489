-- Which part of what was bought at each merchant was refunded? A fraction of the amounts; NULL where nothing was paid.
CREATE MATERIALIZED VIEW refund_rate_by_merchant
WITH (key = 'merchant_id, currency')
AS SELECT merchant_id, currency, COUNT(*) AS lines, COUNT(refunded) AS refunded_lines,
       CAST(SUM(pay_amount) AS DECIMAL(28,2)) AS paid, CAST(COALESCE(SUM(refunded), 0.00) AS DECIMAL(28,2)) AS refunded,
       CAST(CAST(COALESCE(SUM(refunded), 0.00) AS DECIMAL(28,2)) / NULLIF(CAST(SUM(pay_amount) AS DECIMAL(28,2)), 0)
            AS DECIMAL(18,6)) AS refund_rate
FROM (
  SELECT t.merchant_id, t.currency, t.pay_amount, r.refunded
  FROM txn_latest t
  LEFT JOIN (
    SELECT platform, order_line_id, SUM(refund_amount) AS refunded
    FROM refunds
    WHERE status = 'SUCCESS'
    GROUP BY platform, order_line_id) r ON r.platform = t.platform AND r.order_line_id = t.order_line_id) l
GROUP BY merchant_id, currency;
