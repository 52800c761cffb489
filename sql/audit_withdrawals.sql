-- Must be empty: withdrawals whose state and books disagree. One that is paid is booked once, whole and with a
-- minus; any other comes to nothing in the books.
CREATE MATERIALIZED VIEW audit_withdrawals
WITH (key = 'withdrawal_id')
AS SELECT withdrawal_id, user_id, currency, status, amount, booked
FROM (
  SELECT COALESCE(w.withdrawal_id, l.withdrawal_id) AS withdrawal_id, COALESCE(w.user_id, l.user_id) AS user_id,
         COALESCE(w.currency, l.currency) AS currency, COALESCE(w.status, 'UNKNOWN') AS status, w.amount,
         COALESCE(l.booked, 0.00) AS booked, CASE WHEN w.status = 'PAID' THEN -w.amount ELSE 0.00 END AS expected
  FROM withdrawals_latest w
  FULL JOIN (
    SELECT withdrawal_id, user_id, currency, CAST(SUM(amount) AS DECIMAL(28,2)) AS booked
    FROM ledger
    WHERE withdrawal_id IS NOT NULL
    GROUP BY withdrawal_id, user_id, currency) l
    ON l.withdrawal_id = w.withdrawal_id AND l.user_id = w.user_id AND l.currency = w.currency) b
WHERE booked <> expected;
