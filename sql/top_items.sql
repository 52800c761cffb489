-- Which ten items of each category earn users the most, in each currency? Lost lines do not count.
CREATE MATERIALIZED VIEW top_items
WITH (key = 'category_id, currency')
AS SELECT category_id, currency, rk, item_id, rebate, lines
FROM (
  SELECT category_id, currency, item_id, CAST(SUM(rebate) AS DECIMAL(28,2)) AS rebate, COUNT(*) AS lines,
         ROW_NUMBER() OVER (PARTITION BY category_id, currency ORDER BY SUM(rebate) DESC NULLS LAST, item_id) AS rk
  FROM rebate_line
  WHERE status NOT IN ('DECLINED', 'REVERSED')
  GROUP BY category_id, currency, item_id) g
WHERE rk <= 10;
