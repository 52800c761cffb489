-- Must be empty: order lines whose rebate and inviters' shares are more than the commission, or below zero. Bonuses
-- are not counted: a campaign may cost more than the line brings.
CREATE MATERIALIZED VIEW audit_over_allocated
WITH (key = 'platform, order_line_id')
AS SELECT platform, order_line_id, commission_net, rebate, inviter_1, inviter_2
FROM line_split
WHERE commission_net >= 0 AND (rebate + inviter_1 + inviter_2 > commission_net OR rebate < 0 OR inviter_1 < 0
       OR inviter_2 < 0);
