-- Which entries do the books have, each once? As first received. Of a CLAWBACK, `origin_type` and `origin_time` are
-- those of the entry that it takes back; of any other entry they are its own.
CREATE VIEW ledger AS
SELECT l.entry_id, l.user_id, l.entry_type, l.amount, l.currency, l.platform, l.order_line_id, l.campaign_id,
       l.platform || '/' || l.order_line_id AS line, l.reverses_entry_id, l.withdrawal_id, l.event_time,
       COALESCE(o.entry_type, l.entry_type) AS origin_type, COALESCE(o.event_time, l.event_time) AS origin_time
FROM ledger_first l
LEFT JOIN ledger_first o ON o.entry_id = l.reverses_entry_id;
