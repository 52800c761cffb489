-- Which reports are left out because their clock cannot be right? Each is dated more than five minutes after we
-- received it. When the network is asked again after that time, the report counts.
CREATE MATERIALIZED VIEW quarantined_reports
WITH (key = 'platform, order_line_id')
AS SELECT platform, order_line_id, event_id, source_modified, ingest_time, status, raw_ref
FROM all_reports
WHERE is_early;
