-- Which claims are not decided? With the line that has the order's number, if one came in the meantime.
CREATE MATERIALIZED VIEW claims_open
WITH (key = 'user_id, claim_id')
AS SELECT c.user_id, c.claim_id, c.platform, c.order_ref, c.status, c.event_time, l.lines_found
FROM (
  SELECT v.*, ROW_NUMBER() OVER (PARTITION BY claim_id ORDER BY version DESC, event_time DESC) AS rn FROM claims v) c
LEFT JOIN (
  SELECT platform, COALESCE(parent_order_id, order_line_id) AS order_ref, COUNT(*) AS lines_found
  FROM txn_latest
  GROUP BY 1, 2) l ON l.platform = c.platform AND l.order_ref = c.order_ref
WHERE c.rn = 1 AND c.status IN ('OPEN', 'SENT');
