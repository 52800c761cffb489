-- Which calls did the collectors make, each once?
CREATE VIEW fetches AS
SELECT fetch_id, platform, account, api, cursor, http_status, body_hash, records, fetched_at
FROM (
  SELECT r.*, ROW_NUMBER() OVER (PARTITION BY fetch_id ORDER BY fetched_at) AS delivery FROM affiliate_raw r) d
WHERE delivery = 1;
