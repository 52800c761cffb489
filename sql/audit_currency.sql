-- Must be empty: order lines without a currency, with one that is not three capital letters, or booked in another
-- one than the network reports.
CREATE MATERIALIZED VIEW audit_currency
WITH (key = 'platform, order_line_id')
AS SELECT DISTINCT platform, order_line_id, currency, booked_in
FROM (
  SELECT platform, order_line_id, currency, CAST(NULL AS VARCHAR) AS booked_in
  FROM txn_latest
  WHERE currency IS NULL OR NOT regexp_like(currency, '^[A-Z]{3}$')
  UNION ALL
  SELECT t.platform, t.order_line_id, t.currency, l.currency
  FROM txn_latest t
  JOIN ledger l ON l.platform = t.platform AND l.order_line_id = t.order_line_id
  WHERE l.currency <> t.currency) c;
