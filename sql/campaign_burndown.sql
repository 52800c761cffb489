-- How much of each campaign's budget is spent, hour by hour? A bonus that was taken back counts as spent less, in
-- the hour in which it was taken back. Below zero means overspent.
CREATE MATERIALIZED VIEW campaign_burndown
WITH (key = 'campaign_id, hour')
AS SELECT campaign_id, hour, budget, spent, CAST(spent_so_far AS DECIMAL(28,2)) AS spent_so_far,
       CAST(budget - spent_so_far AS DECIMAL(28,2)) AS remaining
FROM (
  SELECT campaign_id, hour, budget, spent, SUM(spent) OVER (PARTITION BY campaign_id ORDER BY hour) AS spent_so_far
  FROM (
    SELECT l.campaign_id, c.budget, DATE_TRUNC('hour', l.event_time) AS hour,
           CAST(SUM(l.amount) AS DECIMAL(28,2)) AS spent
    FROM ledger l
    JOIN campaigns c ON c.campaign_id = l.campaign_id AND c.currency = l.currency
         AND l.event_time >= c.valid_from AND l.event_time < c.valid_to
    WHERE l.origin_type = 'BONUS'
    GROUP BY l.campaign_id, c.budget, DATE_TRUNC('hour', l.event_time)) h) r;
