-- Which refunds are there, from all sources, each in its newest version?
CREATE VIEW refunds AS
SELECT refund_id, version, platform, order_line_id, refund_amount, commission_back, currency, status, deducted_from,
       event_time
FROM (
  SELECT f.*, ROW_NUMBER() OVER (PARTITION BY platform, refund_id ORDER BY version DESC, event_time DESC) AS rn
  FROM (
    SELECT refund_id, version, platform, order_line_id, refund_amount, commission_back, currency, status, deducted_from,
           event_time
    FROM refund_events
    UNION ALL
    SELECT refund_id, version, platform, order_line_id, refund_amount, commission_back, currency, status, deducted_from,
           event_time
    FROM tbk_refund
    WHERE fault IS NULL) f) d
WHERE rn = 1;
