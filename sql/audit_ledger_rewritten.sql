-- Must be empty: entries that came again with other contents. The books are never changed; a correction is a further
-- entry.
CREATE MATERIALIZED VIEW audit_ledger_rewritten
WITH (key = 'entry_id')
AS SELECT entry_id, COUNT(*) AS contents
FROM (
  SELECT DISTINCT entry_id, user_id, entry_type, amount, currency, platform, order_line_id, campaign_id,
       reverses_entry_id,
         withdrawal_id, event_time
  FROM ledger_entries) d
GROUP BY entry_id
HAVING COUNT(*) > 1;
