-- Must be empty: calls of which fewer or more records arrived than were cut out of the body. Lost between the
-- collector and here, or cut wrongly. A call and its records are different topics, which come one before the other: a
-- call is looked at five minutes after it was made.
CREATE MATERIALIZED VIEW audit_fetch_recount
WITH (key = 'fetch_id')
AS SELECT fetch_id, platform, api, records, arrived, fetched_at
FROM (
  SELECT f.fetch_id, f.platform, f.api, f.records, COALESCE(a.arrived, 0) AS arrived, f.fetched_at
  FROM fetches f
  CROSS JOIN clock
  LEFT JOIN (
    SELECT fetch_id, COUNT(*) AS arrived
    FROM (
      SELECT DISTINCT fetch_id, trade_id AS record, tk_status AS state, adzone_id AS part FROM raw_tbk
      UNION ALL
      SELECT DISTINCT fetch_id, tb_trade_id, refund_status, modified_time FROM raw_tbk_refunds
      UNION ALL
      SELECT DISTINCT fetch_id, "id", "validCode", "modifyTime" FROM raw_jd
      UNION ALL
      SELECT DISTINCT fetch_id, order_sn, order_status, order_modify_at FROM raw_pdd
      UNION ALL
      SELECT DISTINCT fetch_id, "id", "commissionStatus", "commissionAmount_amount" FROM raw_awin
      UNION ALL
      SELECT DISTINCT fetch_id, "commissionId", "actionStatus", "postingDate" FROM raw_cj
      UNION ALL
      SELECT DISTINCT fetch_id, "Id", "State", "Payout" FROM raw_impact
      UNION ALL
      SELECT DISTINCT fetch_id, "Id", "State", "UpdateDate" FROM raw_impact_updates) r
    GROUP BY fetch_id) a ON a.fetch_id = f.fetch_id
  WHERE f.records IS NOT NULL AND f.http_status < 400 AND f.fetched_at <= as_of - INTERVAL '5 minutes') c
WHERE records <> arrived;
