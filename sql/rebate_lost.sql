-- Which rebates were promised and are lost, and how much was promised last? A declined or reversed line mostly comes
-- with a commission of 0, so its own rebate says nothing; the newest version before the end does.
CREATE MATERIALIZED VIEW rebate_lost
WITH (key = 'platform, order_line_id', history = 'changes')
AS SELECT platform, order_line_id, user_id, currency, status, status_before, promised, source_modified, pay_time
FROM (
  SELECT q.*, CASE WHEN uncapped > cap_per_order THEN cap_per_order ELSE uncapped END AS promised
  FROM (
    SELECT r.platform, r.order_line_id, r.user_id, r.currency, r.status, p.status AS status_before, r.cap_per_order,
           r.source_modified, r.pay_time,
           CAST(TRUNC(p.commission_net * r.user_share * r.level_mult, 2) AS DECIMAL(18,2)) AS uncapped
    FROM rated_line r
    JOIN (
      SELECT platform, order_line_id, status, commission_net,
             ROW_NUMBER() OVER (PARTITION BY platform, order_line_id
                 ORDER BY source_modified DESC, status_rank DESC, ingest_time DESC, event_id DESC) AS rn
      FROM txn_report
      WHERE status NOT IN ('DECLINED', 'REVERSED')) p
      ON p.platform = r.platform AND p.order_line_id = r.order_line_id AND p.rn = 1
    WHERE r.status IN ('DECLINED', 'REVERSED')) q) s;
