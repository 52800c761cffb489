-- Must be empty: entries that take something back without naming what, or not exactly that: another amount, user or
-- currency, an entry that is not there, one that is itself taken back, or one taken back twice.
CREATE MATERIALIZED VIEW audit_clawback
WITH (key = 'entry_id')
AS SELECT entry_id, user_id, amount, currency, reverses_entry_id, fault
FROM (
  SELECT c.entry_id, c.user_id, c.amount, c.currency, c.reverses_entry_id,
         CASE WHEN c.reverses_entry_id IS NULL THEN 'NAMES_NOTHING' WHEN o.entry_id IS NULL THEN 'UNKNOWN_ENTRY'
              WHEN o.entry_type = 'CLAWBACK' THEN 'REVERSES_A_REVERSAL'
              WHEN o.user_id <> c.user_id OR o.currency <> c.currency THEN 'OTHER_ACCOUNT'
              WHEN o.amount <> -c.amount THEN 'OTHER_AMOUNT'
              WHEN COUNT(*) OVER (PARTITION BY c.reverses_entry_id) > 1 THEN 'TWICE' END AS fault
  FROM ledger_first c
  LEFT JOIN ledger_first o ON o.entry_id = c.reverses_entry_id
  WHERE c.entry_type = 'CLAWBACK') f
WHERE fault IS NOT NULL;
