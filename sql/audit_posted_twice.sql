-- Must be empty: order lines for which a user got more than one rebate, or an inviter more than one share, that was
-- not taken back.
CREATE MATERIALIZED VIEW audit_posted_twice
WITH (key = 'user_id, platform, order_line_id')
AS SELECT user_id, platform, order_line_id, origin_type, SUM(CASE WHEN entry_type = 'CLAWBACK' THEN -1
       ELSE 1 END) AS entries
FROM ledger
WHERE origin_type IN ('REBATE', 'INVITER') AND order_line_id IS NOT NULL
GROUP BY user_id, platform, order_line_id, origin_type
HAVING SUM(CASE WHEN entry_type = 'CLAWBACK' THEN -1 ELSE 1 END) NOT IN (0, 1);
