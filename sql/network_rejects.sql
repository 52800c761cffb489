-- Which records of the networks were kept out, and which field did not fit? A correction that waits for its
-- original, or for a record with a fault, is here too. `raw_ref` is the hash of the body in affiliate_raw.
CREATE MATERIALIZED VIEW network_rejects
WITH (key = 'platform, record_id')
AS SELECT platform, source, record_id, split_part(fault, '=', 1) AS field, substr(fault, strpos(fault,
       '=') + 1) AS value,
       raw_ref, fetched_at
FROM (
  SELECT platform, 'tbk' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM tbk_report
  UNION ALL
  SELECT platform, 'jd' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM jd_report
  UNION ALL
  SELECT platform, 'pdd' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM pdd_report
  UNION ALL
  SELECT platform, 'awin' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM awin_report
  UNION ALL
  SELECT platform, 'cj' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM cj_report
  UNION ALL
  SELECT platform, 'impact' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM impact_report
  UNION ALL
  SELECT platform, 'impact_update' AS source, order_line_id AS record_id, fault, raw_ref, ingest_time AS fetched_at
  FROM impact_update_report
  UNION ALL
  SELECT platform, 'tbk_refund', refund_id, fault, body_hash, fetched_at FROM tbk_refund
) r
WHERE fault IS NOT NULL;
