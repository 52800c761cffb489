-- How late, how early and how disordered are the reports of each network, by minute of our receipt? `lag_p99_s` is
-- the 99th percentile of seconds from the network's change to our receipt, approximate. `early` are dated in the
-- future; `out_of_order` came after a newer report of the same line, not in one fetch with it; `repeated` were delivered
-- before.
CREATE MATERIALIZED VIEW ingest_lag_1m
WITH (key = 'platform, minute')
AS SELECT platform, minute, COUNT(*) AS reports,
       APPROX_PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY lag_s) AS lag_p99_s,
       COUNT(*) FILTER (WHERE lag_s < 0) AS early,
            COUNT(*) FILTER (WHERE source_modified < newest_before) AS out_of_order,
       COUNT(*) FILTER (WHERE delivery > 1) AS repeated
FROM (
  SELECT platform, source_modified, DATE_BIN(INTERVAL '1 minute', ingest_time,
       TIMESTAMP '1970-01-01 00:00:00') AS minute,
         CAST(EXTRACT(EPOCH FROM ingest_time) AS DOUBLE) - CAST(EXTRACT(EPOCH FROM source_modified) AS DOUBLE) AS lag_s,
         MAX(source_modified) OVER (PARTITION BY platform, order_line_id ORDER BY ingest_time, source_modified, event_id
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest_before,
         ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY ingest_time) AS delivery
  FROM all_reports) q
GROUP BY platform, minute;
