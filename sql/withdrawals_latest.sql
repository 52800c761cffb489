-- In which state is each withdrawal?
CREATE VIEW withdrawals_latest AS
SELECT withdrawal_id, version, user_id, amount, fee, currency, channel, status, event_time
FROM (
  SELECT w.*, ROW_NUMBER() OVER (PARTITION BY withdrawal_id ORDER BY version DESC, ingest_time DESC) AS rn
  FROM withdrawals w) d
WHERE rn = 1;
