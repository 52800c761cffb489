-- Which lines were received, should have been settled, and are in no statement? Networks settle a business month on
-- the 20th of the next; a line is overdue from the 21st on. `due_day` is a day of the business zone.
CREATE MATERIALIZED VIEW settlements_overdue
WITH (key = 'platform, order_line_id')
AS SELECT t.platform, t.order_line_id, t.user_id, t.status, t.receive_time, t.currency, t.est_commission, t.due_day
FROM (
  SELECT l.*, CAST(DATE_TRUNC('month',
       receive_time + utc_offset) + INTERVAL '1 month' + INTERVAL '19 days' AS DATE) AS due_day,
         DATE_TRUNC('month',
              receive_time + utc_offset) + INTERVAL '1 month' + INTERVAL '20 days' - utc_offset AS overdue_from
  FROM txn_latest l CROSS JOIN business_zone
  WHERE l.status IN ('RECEIVED', 'APPROVED') AND l.receive_time IS NOT NULL) t
CROSS JOIN clock
WHERE t.overdue_from <= as_of
  AND NOT EXISTS (SELECT 1 FROM affiliate_statements s WHERE s.platform = t.platform
       AND s.order_line_id = t.order_line_id);
