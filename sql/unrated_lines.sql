-- Which order lines have no rebate, and why? Each may be money that somebody waits for; the count is an alarm. An
-- unpaid line is not due yet.
CREATE MATERIALIZED VIEW unrated_lines
WITH (key = 'platform, order_line_id')
AS SELECT t.platform, t.order_line_id, t.user_id, t.merchant_id, t.category_id, t.status, t.pay_time, t.commission_net,
       CASE WHEN t.pay_time IS NULL THEN 'NO_PAY_TIME'
            WHEN t.commission_net IS NULL THEN 'NO_COMMISSION'
            WHEN r.rule_id IS NULL THEN 'NO_RULE'
            ELSE 'UNKNOWN_LEVEL' END AS reason
FROM txn_line t
LEFT JOIN rebate_line r ON r.platform = t.platform AND r.order_line_id = t.order_line_id
WHERE t.status <> 'TRACKED' AND r.rebate IS NULL;
