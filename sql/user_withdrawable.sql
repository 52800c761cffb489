-- What may be paid out to each user now? The balance, less what was posted in the current business month (rebates
-- and inviters' shares; taken back in the same month, they lock nothing), less what was posted for order lines on
-- hold, less withdrawals under way. Below zero means that the user owes it: a line was taken back after it was paid
-- out. A user on hold gets nothing for now.
CREATE MATERIALIZED VIEW user_withdrawable
WITH (key = 'user_id, currency', history = 'changes')
AS SELECT s.user_id, s.currency, s.balance, s.locked_this_month, s.held_lines, s.in_flight_withdrawal,
       h.subject_id IS NOT NULL AS on_hold,
       CAST(CASE WHEN h.subject_id IS NULL THEN s.balance - s.locked_this_month - s.held_lines - s.in_flight_withdrawal
                 ELSE 0.00 END AS DECIMAL(28,2)) AS withdrawable
FROM (
  SELECT user_id, currency, CAST(SUM(posted) AS DECIMAL(28,2)) AS balance,
         CAST(SUM(month_locked) AS DECIMAL(28,2)) AS locked_this_month, CAST(SUM(held) AS DECIMAL(28,2)) AS held_lines,
         CAST(SUM(requested) AS DECIMAL(28,2)) AS in_flight_withdrawal
  FROM (
    SELECT user_id, currency, amount AS posted, 0.00 AS month_locked, 0.00 AS held, 0.00 AS requested FROM ledger
    UNION ALL
    -- The clock stands in WHERE alone, so a tick costs only what enters or leaves the month.
    SELECT user_id, currency, 0.00, amount, 0.00, 0.00
    FROM ledger l CROSS JOIN business_clock
    WHERE origin_type IN ('REBATE', 'INVITER') AND origin_time >= month_start
      AND NOT EXISTS (SELECT 1 FROM held_lines h WHERE h.line = l.line)
    UNION ALL
    SELECT user_id, currency, 0.00, 0.00, amount, 0.00
    FROM ledger l JOIN held_lines h ON h.line = l.line
    WHERE origin_type IN ('REBATE', 'INVITER', 'BONUS', 'FIRST_ORDER')
    UNION ALL
    SELECT user_id, currency, 0.00, 0.00, 0.00, amount FROM withdrawals_latest WHERE status IN ('REQUESTED', 'APPROVED')
  ) m
  GROUP BY user_id, currency) s
LEFT JOIN (SELECT subject_id FROM held_subjects WHERE subject_type = 'USER') h ON h.subject_id = s.user_id;
