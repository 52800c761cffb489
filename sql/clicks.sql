-- Which clicks were there, each once? As first received.
CREATE VIEW clicks AS
SELECT click_id, user_id, device_id, platform, merchant_id, item_id, campaign_id, slot_id, quoted_share, rule_id,
       rule_version, event_time
FROM (
  SELECT c.*, ROW_NUMBER() OVER (PARTITION BY click_id ORDER BY ingest_time, event_time) AS delivery
  FROM click_events c) d
WHERE delivery = 1;
