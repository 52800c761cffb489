-- When did each user browse, and how much did he click? A session ends when half an hour passes without a click.
CREATE MATERIALIZED VIEW user_sessions
WITH (key = 'user_id, session_no')
AS SELECT user_id, session_no, MIN(event_time) AS start_time, MAX(event_time) AS end_time, COUNT(*) AS clicks
FROM (
  SELECT user_id, event_time,
         SUM(is_new) OVER (PARTITION BY user_id ORDER BY event_time, click_id ROWS UNBOUNDED PRECEDING) AS session_no
  FROM (
    SELECT user_id, event_time, click_id,
           CASE WHEN event_time <= LAG(event_time) OVER (PARTITION BY user_id ORDER BY event_time, click_id)
                                   + INTERVAL '30 minutes' THEN 0 ELSE 1 END AS is_new
    FROM clicks) g) s
GROUP BY user_id, session_no;
