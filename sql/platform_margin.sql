-- What is left to us, by merchant, by platform and in all, in each currency? The level says which total a row is.
CREATE MATERIALIZED VIEW platform_margin
WITH (key = 'level, currency, platform, merchant_id')
AS SELECT CASE WHEN GROUPING(merchant_id) = 0 THEN 'MERCHANT' WHEN GROUPING(platform) = 0 THEN 'PLATFORM' ELSE 'ALL'
       END AS level,
       currency, platform, merchant_id, COUNT(*) AS lines,
       CAST(SUM(commission_net) AS DECIMAL(28,2)) AS commission_net, CAST(SUM(rebate) AS DECIMAL(28,2)) AS rebate,
       CAST(SUM(inviter_1 + inviter_2) AS DECIMAL(28,2)) AS inviters, CAST(SUM(bonus) AS DECIMAL(28,2)) AS bonus,
       CAST(SUM(margin) AS DECIMAL(28,2)) AS margin, COUNT(*) FILTER (WHERE margin < 0) AS lines_negative
FROM line_split
GROUP BY GROUPING SETS ((currency, platform, merchant_id), (currency, platform), (currency));
