-- Which rates do we see for each merchant and category, and how many lines do not follow amount times rate? One cent of
-- tolerance: networks cut or round as they like.
CREATE MATERIALIZED VIEW rate_drift
WITH (key = 'platform, merchant_id, category_id')
AS SELECT platform, merchant_id, category_id, COUNT(*) AS lines, MIN(commission_rate) AS rate_min,
       MAX(commission_rate) AS rate_max,
       COUNT(*) FILTER (WHERE ABS(pay_amount * commission_rate - est_commission) > 0.01) AS formula_mismatches
FROM txn_latest
GROUP BY platform, merchant_id, category_id;
