-- Which order lines are not surely their user's? NO_USER: nobody gets the rebate until somebody claims it.
-- USERS_DIFFER: the report names another user than the click, and the click counts. NO_CLICK: a user, but no click
-- of ours before the payment.
CREATE MATERIALIZED VIEW attribution_gaps
WITH (key = 'platform, order_line_id')
AS SELECT t.platform, t.order_line_id, t.user_id, t.reported_user_id, t.merchant_id, t.pay_time, t.commission_net,
       CASE WHEN t.user_id IS NULL THEN 'NO_USER'
            WHEN t.reported_user_id <> t.user_id THEN 'USERS_DIFFER'
            ELSE 'NO_CLICK' END AS gap
FROM txn_line t
LEFT JOIN click_attribution a ON a.platform = t.platform AND a.order_line_id = t.order_line_id
WHERE t.user_id IS NULL OR t.reported_user_id <> t.user_id OR a.click_id IS NULL;
