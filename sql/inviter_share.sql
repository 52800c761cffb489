-- What does each order line earn the inviter of its buyer (tier 1) and the inviter's inviter (tier 2)? Commission
-- after the network's fee times the tier's rate at the time of payment, cut to cents. Nobody is his own inviter, and
-- a circle ends where it comes back to the buyer. There is no third tier. Lost lines earn nothing.
CREATE MATERIALIZED VIEW inviter_share
WITH (key = 'platform, order_line_id, tier', history = 'changes')
AS SELECT platform, order_line_id, tier, inviter_id, buyer_id, currency, status, rate,
       CAST(TRUNC(commission_net * rate, 2) AS DECIMAL(18,2)) AS share
FROM (
  SELECT i.*, x.rate, ROW_NUMBER() OVER (PARTITION BY i.platform, i.order_line_id, i.tier
       ORDER BY x.valid_from DESC) AS pick
  FROM (
    SELECT r.platform, r.order_line_id, 1 AS tier, u1.inviter_id, r.user_id AS buyer_id, r.currency, r.status,
         r.pay_time,
           r.commission_net
    FROM rebate_line r
    JOIN user_current u1 ON u1.user_id = r.user_id
    WHERE u1.inviter_id <> u1.user_id AND r.status NOT IN ('DECLINED', 'REVERSED')
    UNION ALL
    SELECT r.platform, r.order_line_id, 2, u2.inviter_id, r.user_id, r.currency, r.status, r.pay_time, r.commission_net
    FROM rebate_line r
    JOIN user_current u1 ON u1.user_id = r.user_id
    JOIN user_current u2 ON u2.user_id = u1.inviter_id
    WHERE u1.inviter_id <> u1.user_id AND u2.inviter_id <> u2.user_id AND u2.inviter_id <> r.user_id
      AND r.status NOT IN ('DECLINED', 'REVERSED')
  ) i
  JOIN inviter_rates x ON x.tier = i.tier AND i.pay_time >= x.valid_from AND i.pay_time < x.valid_to) p
WHERE pick = 1;
