-- May the month be paid out? Lines and amounts of each verdict, by network and business month. Hold the payout while
-- too much is unexplained.
CREATE MATERIALIZED VIEW recon_summary
WITH (key = 'platform, month, currency, verdict')
AS SELECT platform, month, currency, verdict, COUNT(*) AS lines, CAST(SUM(ours) AS DECIMAL(28,2)) AS ours,
       CAST(SUM(theirs) AS DECIMAL(28,2)) AS theirs
FROM recon_monthly
GROUP BY platform, month, currency, verdict;
