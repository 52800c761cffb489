-- How much of each bonus does the campaign's cap for a user and a business day allow? Bonuses are taken in the order
-- in which they were posted; `over` is what exceeds the cap and wants an ADJUST entry.
CREATE MATERIALIZED VIEW cap_usage
WITH (key = 'entry_id')
AS SELECT entry_id, user_id, campaign_id, platform, order_line_id, bonus_day, amount, cap_user_day, allowed,
       CAST(amount - allowed AS DECIMAL(18,2)) AS over
FROM (
  SELECT q.*, CAST(CASE WHEN cap_user_day <= before THEN 0.00 WHEN amount > cap_user_day - before
       THEN cap_user_day - before
                        ELSE amount END AS DECIMAL(18,2)) AS allowed
  FROM (
    SELECT l.*, c.cap_user_day,
           COALESCE(SUM(l.amount) OVER (PARTITION BY l.user_id, l.campaign_id, l.bonus_day
               ORDER BY l.event_time, l.entry_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0.00) AS before
    FROM (
      SELECT entry_id, user_id, campaign_id, platform, order_line_id, currency, amount, event_time,
             CAST(event_time + utc_offset AS DATE) AS bonus_day
      FROM ledger CROSS JOIN business_zone
      WHERE entry_type = 'BONUS') l
    JOIN campaigns c ON c.campaign_id = l.campaign_id AND c.currency = l.currency) q) p;
