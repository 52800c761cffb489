-- What each user is owed, by state of the order line, from the newest version of each line.
CREATE MATERIALIZED VIEW q_rebate
WITH (key = 'user_id', history = 'changes')
AS SELECT user_id,
  CAST(COALESCE(SUM(rebate) FILTER (WHERE status IN ('PENDING', 'RECEIVED')), 0) AS DECIMAL(18,2)) AS pending,
  CAST(COALESCE(SUM(rebate) FILTER (WHERE status = 'APPROVED'), 0) AS DECIMAL(18,2)) AS approved,
  CAST(COALESCE(SUM(rebate) FILTER (WHERE status = 'PAYABLE'), 0) AS DECIMAL(18,2)) AS payable,
  CAST(COALESCE(SUM(rebate) FILTER (WHERE status IN ('DECLINED', 'REVERSED')), 0) AS DECIMAL(18,2)) AS lost,
  COUNT(*) AS n
FROM (
  SELECT l.user_id, l.status, CAST(TRUNC(l.commission * r.user_share, 2) AS DECIMAL(18,2)) AS rebate
  FROM (
    SELECT platform, order_line_id, status, user_id, merchant_id, commission
    FROM (
      SELECT platform, order_line_id, status, user_id, merchant_id, commission,
        ROW_NUMBER() OVER (PARTITION BY platform, order_line_id ORDER BY source_modified DESC, event_id DESC) AS rn
      FROM (
        -- Only what is needed is kept in state.
        SELECT platform, order_line_id, source_modified, event_id, status, user_id, merchant_id, commission
        FROM affiliate_txn
      ) t
    ) v
    WHERE rn = 1
  ) l
  JOIN rate_rules r ON r.platform = l.platform AND r.merchant_id = l.merchant_id
) x
GROUP BY user_id;
