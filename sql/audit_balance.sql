-- Must be empty: users whose served balance is not the sum of their entries in the books, added up straight from the
-- topic.
CREATE MATERIALIZED VIEW audit_balance
WITH (key = 'user_id, currency')
AS SELECT user_id, currency, balance, booked
FROM (
  SELECT user_id, currency, SUM(balance) AS balance, SUM(booked) AS booked
  FROM (
    SELECT user_id, currency, balance, CAST(0 AS DECIMAL(28,2)) AS booked FROM user_withdrawable
    UNION ALL
    SELECT user_id, currency, CAST(0 AS DECIMAL(28,2)), CAST(amount AS DECIMAL(28,2))
    FROM (SELECT DISTINCT entry_id, user_id, currency, amount FROM ledger_entries) d) b
  GROUP BY user_id, currency) s
WHERE balance <> booked;
