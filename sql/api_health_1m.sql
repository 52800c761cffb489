-- How does each route of each service answer, by minute? `latency_p99_ms` is approximate.
CREATE MATERIALIZED VIEW api_health_1m
WITH (key = 'service, route, minute')
AS SELECT service, route, DATE_BIN(INTERVAL '1 minute', event_time, TIMESTAMP '1970-01-01 00:00:00') AS minute,
       COUNT(*) AS requests, COUNT(*) FILTER (WHERE status >= 500) AS errors,
       COUNT(*) FILTER (WHERE status >= 400 AND status < 500) AS refused,
       CAST(COUNT(*) FILTER (WHERE status >= 500) AS DOUBLE) / COUNT(*) AS error_rate,
       APPROX_PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY latency_ms) AS latency_p99_ms
FROM (
  SELECT l.*, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY ingest_time) AS delivery FROM system_logs l) d
WHERE delivery = 1
GROUP BY service, route, DATE_BIN(INTERVAL '1 minute', event_time, TIMESTAMP '1970-01-01 00:00:00');
