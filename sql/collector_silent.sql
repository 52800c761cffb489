-- Which networks have not answered for 20 minutes? In a peak that is the longest window that Taobao answers for:
-- beyond it lines are lost unless the window is split.
CREATE MATERIALIZED VIEW collector_silent
WITH (key = 'platform, api')
AS SELECT f.platform, f.api, f.last_fetched_at
FROM (
  SELECT platform, api, MAX(fetched_at) AS last_fetched_at
  FROM fetches
  WHERE http_status < 400
  GROUP BY platform, api) f
CROSS JOIN clock
WHERE f.last_fetched_at < as_of - INTERVAL '20 minutes';
