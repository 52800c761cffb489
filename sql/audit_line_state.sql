-- Must be empty: order lines that are not in exactly one known state. `reported` counts the lines behind all
-- reports, `shown` their rows in txn_latest.
CREATE MATERIALIZED VIEW audit_line_state
WITH (key = 'platform, order_line_id')
AS SELECT platform, order_line_id, shown, status
FROM (
  SELECT platform, order_line_id, SUM(shown) AS shown, MAX(status) AS status
  FROM (
    SELECT DISTINCT platform, order_line_id, 0 AS shown, CAST(NULL AS VARCHAR) AS status FROM txn_report
    UNION ALL
    SELECT platform, order_line_id, 1, status FROM txn_latest) u
  GROUP BY platform, order_line_id) s
WHERE shown <> 1
   OR status NOT IN ('TRACKED', 'PENDING', 'RECEIVED', 'APPROVED', 'PAYABLE', 'PAID', 'DECLINED', 'REVERSED');
