-- Which commissions did a network take back after they were payable, whole or in part? Read from the versions of the
-- line: the newest one alone does not say what was lost.
CREATE MATERIALIZED VIEW clawbacks
WITH (key = 'platform, order_line_id, event_id', history = 'changes')
AS SELECT platform, order_line_id, event_id, user_id, currency, status_before, status, settled_before, settled, delta,
       changed_at
FROM settlement_changes
WHERE delta < 0;
