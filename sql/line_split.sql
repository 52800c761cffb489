-- How is the commission of each order line split? Buyer, two inviters, bonuses as posted less those taken back, and
-- what is left: our margin, negative where we gave more than we got. Of a lost line only its bonuses count.
CREATE MATERIALIZED VIEW line_split
WITH (key = 'platform, order_line_id', history = 'changes')
AS SELECT platform, order_line_id, merchant_id, user_id, currency, status, pay_time, commission_net, rebate, inviter_1,
       inviter_2, bonus, CAST(commission_net - rebate - inviter_1 - inviter_2 - bonus AS DECIMAL(18,2)) AS margin
FROM (
  SELECT r.platform, r.order_line_id, r.merchant_id, r.user_id, r.currency, r.status, r.pay_time,
         CASE WHEN r.status IN ('DECLINED', 'REVERSED') THEN CAST(0 AS DECIMAL(18,2)) ELSE r.commission_net END
           AS commission_net,
         -- Nobody gets the rebate of a line that belongs to nobody.
         CASE WHEN r.status IN ('DECLINED', 'REVERSED') OR r.user_id IS NULL THEN CAST(0 AS DECIMAL(18,2))
              ELSE r.rebate END AS rebate,
         COALESCE(i1.share, CAST(0 AS DECIMAL(18,2))) AS inviter_1,
         COALESCE(i2.share, CAST(0 AS DECIMAL(18,2))) AS inviter_2,
         COALESCE(b.bonus, CAST(0 AS DECIMAL(18,2))) AS bonus
  FROM rebate_line r
  LEFT JOIN (SELECT * FROM inviter_share WHERE tier = 1) i1
    ON i1.platform = r.platform AND i1.order_line_id = r.order_line_id
  LEFT JOIN (SELECT * FROM inviter_share WHERE tier = 2) i2
    ON i2.platform = r.platform AND i2.order_line_id = r.order_line_id
  LEFT JOIN (
    SELECT platform, order_line_id, currency, CAST(SUM(amount) AS DECIMAL(18,2)) AS bonus
    FROM ledger
    WHERE origin_type IN ('BONUS', 'FIRST_ORDER')
    GROUP BY platform, order_line_id, currency) b
    ON b.platform = r.platform AND b.order_line_id = r.order_line_id AND b.currency = r.currency) s;
