-- Which click led to each order line? The one that the network gives back (SUB_ID); where it gives none back, the
-- last click of the line's user at the merchant in the 15 days up to the payment (LAST_CLICK). A click that only
-- looks alike tells the campaign; it never changes whose the line is.
CREATE MATERIALIZED VIEW click_attribution
WITH (key = 'platform, order_line_id', history = 'changes')
AS SELECT platform, order_line_id, user_id, method, click_id, click_time, pay_time, click_campaign, device_id
FROM (
  SELECT m.*, ROW_NUMBER() OVER (PARTITION BY platform, order_line_id ORDER BY click_time DESC, click_id DESC) AS rn
  FROM (
    SELECT platform, order_line_id, user_id, 'SUB_ID' AS method, click_id, click_time, pay_time,
           campaign_id AS click_campaign, device_id
    FROM txn_line
    WHERE click_id IS NOT NULL
    UNION ALL
    SELECT t.platform, t.order_line_id, t.user_id, 'LAST_CLICK', c.click_id, c.event_time, t.pay_time, c.campaign_id,
           c.device_id
    FROM txn_line t
    JOIN clicks c ON c.user_id = t.user_id AND c.merchant_id = t.merchant_id
         AND c.event_time <= t.pay_time AND c.event_time > t.pay_time - INTERVAL '15 days'
    WHERE t.click_id IS NULL
  ) m) a
WHERE rn = 1;
