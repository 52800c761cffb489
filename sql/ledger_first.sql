-- Which entries were posted, each as first received?
CREATE VIEW ledger_first AS
SELECT entry_id, user_id, entry_type, amount, currency, platform, order_line_id, campaign_id, rule_id, rule_version,
       cause_event_id, reverses_entry_id, withdrawal_id, author, reason, event_time
FROM (
  SELECT e.*, ROW_NUMBER() OVER (PARTITION BY entry_id ORDER BY ingest_time, event_time) AS delivery
  FROM ledger_entries e) d
WHERE delivery = 1;
