-- Where do our books and the networks' monthly statements differ, line by line? Ours is what became payable in a
-- business month, less what was taken back in it. A difference of one cent is rounding.
CREATE MATERIALIZED VIEW recon_monthly
WITH (key = 'platform, month, order_line_id')
AS SELECT platform, month, order_line_id, currency, ours, theirs,
       CASE WHEN COALESCE(ours, 0.00) = COALESCE(theirs, 0.00) THEN 'OK' WHEN theirs IS NULL THEN 'MISSING_IN_STATEMENT'
            WHEN ours IS NULL THEN 'MISSING_IN_PIPELINE' WHEN ABS(ours - theirs) <= 0.01 THEN 'ROUNDING' ELSE 'AMOUNT'
                 END AS verdict
FROM (
  SELECT platform, month, order_line_id, currency, CAST(SUM(ours) AS DECIMAL(28,2)) AS ours,
         CAST(SUM(theirs) AS DECIMAL(28,2)) AS theirs
  FROM (
    SELECT platform, CAST(DATE_TRUNC('month', changed_at + utc_offset) AS DATE) AS month, order_line_id, currency,
           delta AS ours, CAST(NULL AS DECIMAL(18,2)) AS theirs
    FROM settlement_changes CROSS JOIN business_zone
    UNION ALL
    SELECT platform, statement_month, order_line_id, currency, CAST(NULL AS DECIMAL(18,2)), commission
    FROM affiliate_statements) b
  GROUP BY platform, month, order_line_id, currency) m;
