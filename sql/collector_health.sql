-- How do the networks answer our collectors, by call and hour? `last_fetched_at` is the newest call that was answered.
CREATE MATERIALIZED VIEW collector_health
WITH (key = 'platform, api, hour')
AS SELECT platform, api, DATE_TRUNC('hour', fetched_at) AS hour, COUNT(*) AS fetches,
       COUNT(*) FILTER (WHERE http_status >= 400 OR http_status IS NULL) AS failures,
       COUNT(*) FILTER (WHERE http_status = 429) AS throttled, SUM(records) AS records,
       MAX(fetched_at) FILTER (WHERE http_status < 400) AS last_fetched_at
FROM fetches
GROUP BY platform, api, DATE_TRUNC('hour', fetched_at);
