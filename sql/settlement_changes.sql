-- When did what the networks owe us for a line change, and by how much? `settled` is the commission in the end while
-- the line is payable or paid, and 0 otherwise. The first change counts at the time of settlement, later ones at the
-- report's, but not before the settlement: a network that corrects by further records did so earlier.
CREATE VIEW settlement_changes AS
SELECT event_id, platform, order_line_id, user_id, currency, status_before, status, settled_before, settled,
       CAST(settled - settled_before AS DECIMAL(18,2)) AS delta,
       CASE WHEN status_before IN ('PAYABLE', 'PAID', 'DECLINED', 'REVERSED')
            THEN GREATEST(source_modified, COALESCE(settle_time, source_modified))
            ELSE COALESCE(settle_time, source_modified) END AS changed_at
FROM (
  SELECT v.*, COALESCE(LAG(settled) OVER w, CAST(0 AS DECIMAL(18,2))) AS settled_before,
         COALESCE(LAG(status) OVER w, 'NONE') AS status_before
  FROM (
    SELECT event_id, platform, order_line_id, user_id, currency, status, status_rank, source_modified, settle_time,
           ingest_time,
           CASE WHEN status IN ('PAYABLE', 'PAID') THEN COALESCE(act_commission, est_commission)
                ELSE CAST(0 AS DECIMAL(18,2)) END AS settled
    FROM txn_version) v
  WINDOW w AS (PARTITION BY platform, order_line_id ORDER BY source_modified, status_rank, ingest_time, event_id)) h
WHERE settled <> settled_before;
