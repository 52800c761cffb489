-- Must be empty: order lines whose parts do not add up to their commission, or that have no split, or more than one.
CREATE MATERIALIZED VIEW audit_split
WITH (key = 'platform, order_line_id')
AS SELECT platform, order_line_id, commission_net, parts, splits
FROM (
  SELECT r.platform, r.order_line_id, r.commission_net, s.parts, COALESCE(s.splits, 0) AS splits
  FROM (
    SELECT platform, order_line_id,
           CASE WHEN status IN ('DECLINED', 'REVERSED') THEN CAST(0 AS DECIMAL(18,2)) ELSE commission_net END
             AS commission_net
    FROM rebate_line) r
  LEFT JOIN (
    SELECT platform, order_line_id, SUM(rebate + inviter_1 + inviter_2 + bonus + margin) AS parts, COUNT(*) AS splits
    FROM line_split
    GROUP BY platform, order_line_id) s ON s.platform = r.platform AND s.order_line_id = r.order_line_id) c
WHERE splits <> 1 OR commission_net <> parts;
