-- Which devices click like a machine or for many users? In an hour three users or more, or in any ten minutes twenty
-- clicks or more; clicks count in the hour in which they end the ten minutes.
CREATE MATERIALIZED VIEW fraud_device_velocity
WITH (key = 'device_id, hour')
AS SELECT device_id, hour, COUNT(DISTINCT user_id) AS users, COUNT(*) AS clicks, MAX(clicks_10m) AS peak_10m
FROM (
  SELECT device_id, user_id, DATE_BIN(INTERVAL '1 hour', event_time, TIMESTAMP '1970-01-01 00:00:00') AS hour,
         COUNT(*) OVER (PARTITION BY device_id ORDER BY event_time
             RANGE BETWEEN INTERVAL '10 minutes' PRECEDING AND CURRENT ROW) AS clicks_10m
  FROM clicks
  WHERE device_id IS NOT NULL) c
GROUP BY device_id, hour
HAVING COUNT(DISTINCT user_id) >= 3 OR MAX(clicks_10m) >= 20;
