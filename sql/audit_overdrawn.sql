-- Must be empty: payouts of more than the user had at that moment. A clawback may bring a balance below zero, a
-- payout never.
CREATE MATERIALIZED VIEW audit_overdrawn
WITH (key = 'user_id, currency')
AS SELECT user_id, currency, entry_id, amount, balance_after, event_time
FROM (
  SELECT user_id, currency, entry_id, entry_type, amount, event_time,
         CAST(SUM(amount) OVER (PARTITION BY user_id, currency
             ORDER BY event_time, CASE entry_type WHEN 'WITHDRAW' THEN 1 ELSE 0 END, entry_id ROWS UNBOUNDED PRECEDING)
           AS DECIMAL(28,2)) AS balance_after
  FROM ledger) r
WHERE entry_type = 'WITHDRAW' AND amount < 0 AND balance_after < 0;
