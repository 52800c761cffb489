-- What does Impact report of each action as a whole, in our form? `fault` is the first field that does not fit, with
-- its text; such a record is kept out (network_rejects). An action has no time of change: what we fetched last is
-- its state, so our clock orders the versions. One that is reversed before it is locked is declined, later reversed.
CREATE VIEW impact_report AS
SELECT md5(concat_ws('|', 'IMPACT', id, CAST(fetched_at AS VARCHAR), state, payout)) AS event_id,
       'IMPACT' AS platform,
       id AS order_line_id, fetched_at AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, campaignid AS merchant_id, CAST(NULL AS VARCHAR) AS item_id,
       CAST(NULL AS VARCHAR) AS category_id, CAST(NULL AS VARCHAR) AS campaign_id, currency, amount_v AS pay_amount,
       CAST(NULL AS DECIMAL(9,6)) AS commission_rate, payout_v AS est_commission,
       CASE WHEN status IN ('DECLINED', 'REVERSED')
            THEN CAST(0 AS DECIMAL(18,2)) WHEN status IN ('APPROVED', 'PAYABLE') THEN payout_v END AS act_commission,
       0.000000 AS service_fee_rate, eventdate_v AS pay_time,
       CASE WHEN status IN ('APPROVED', 'PAYABLE') THEN lockingdate_v END AS receive_time,
       cleareddate_v AS settle_time, fetched_at AS ingest_time, oid AS parent_order_id, state AS status_raw,
       CAST(NULL AS VARCHAR) AS click_id, subid1 AS sub_id, CAST(NULL AS VARCHAR) AS sku_id,
       CAST(NULL AS BIGINT) AS qty, CAST(NULL AS BIGINT) AS qty_returned, CAST(NULL AS DECIMAL(18,2)) AS settle_amount,
       CAST(NULL AS DECIMAL(18,2)) AS subsidy, CAST(NULL AS DECIMAL(18,2)) AS service_fee,
       referringdate_v AS click_time, eventdate_v AS order_time, CAST(NULL AS VARCHAR) AS refund_tag,
       CAST(NULL AS VARCHAR) AS decline_reason, body_hash AS raw_ref,
       fault
FROM (
  SELECT p.*,
         CASE WHEN state = 'REVERSED' AND lockingdate_v <= fetched_at
              THEN 'REVERSED' WHEN state = 'REVERSED' THEN 'DECLINED'
              WHEN state = 'APPROVED' AND cleareddate_v <= fetched_at THEN 'PAYABLE' WHEN state = 'APPROVED'
                   THEN 'APPROVED'
              WHEN state = 'PENDING' THEN 'PENDING' END AS status,
         CASE WHEN payout_v IS NULL THEN 'Payout=' || COALESCE(payout, '')
              WHEN amount_v IS NULL THEN 'Amount=' || COALESCE(amount, '')
              WHEN eventdate_v IS NULL THEN 'EventDate=' || COALESCE(eventdate, '')
              WHEN referringdate IS NOT NULL AND referringdate_v IS NULL THEN 'ReferringDate=' || referringdate
              WHEN lockingdate IS NOT NULL AND lockingdate_v IS NULL THEN 'LockingDate=' || lockingdate
              WHEN cleareddate IS NOT NULL AND cleareddate_v IS NULL THEN 'ClearedDate=' || cleareddate
              WHEN state IS NULL OR state NOT IN ('PENDING', 'APPROVED', 'REVERSED') THEN 'State=' || COALESCE(state,
                   '')
              WHEN currency IS NULL OR NOT regexp_like(currency, '^[A-Z]{3}$') THEN 'Currency=' || COALESCE(currency,
                   '') END AS fault
  FROM (
    SELECT s.*,
           CASE WHEN regexp_like(payout, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(payout AS DECIMAL(18,2)) END AS payout_v,
           CASE WHEN regexp_like(amount, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(amount AS DECIMAL(18,2)) END AS amount_v,
           CASE WHEN regexp_like(eventdate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
             THEN TRY_CAST(eventdate AS TIMESTAMP(6)) END AS eventdate_v,
           CASE WHEN regexp_like(referringdate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
             THEN TRY_CAST(referringdate AS TIMESTAMP(6)) END AS referringdate_v,
           CASE WHEN regexp_like(lockingdate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
             THEN TRY_CAST(lockingdate AS TIMESTAMP(6)) END AS lockingdate_v,
           CASE WHEN regexp_like(cleareddate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
             THEN TRY_CAST(cleareddate AS TIMESTAMP(6)) END AS cleareddate_v
    FROM (
      SELECT fetched_at, body_hash,
             NULLIF(NULLIF("Payout", '--'), '') AS payout, NULLIF(NULLIF("Amount", '--'), '') AS amount,
             NULLIF(NULLIF("EventDate", '--'), '') AS eventdate,
             NULLIF(NULLIF("ReferringDate", '--'), '') AS referringdate,
             NULLIF(NULLIF("LockingDate", '--'), '') AS lockingdate,
             NULLIF(NULLIF("ClearedDate", '--'), '') AS cleareddate, NULLIF(NULLIF("Id", '--'), '') AS id,
             NULLIF(NULLIF("CampaignId", '--'), '') AS campaignid, NULLIF(NULLIF("State", '--'), '') AS state,
             NULLIF(NULLIF("Currency", '--'), '') AS currency, NULLIF(NULLIF("Oid", '--'), '') AS oid,
             NULLIF(NULLIF("SubId1", '--'), '') AS subid1
      FROM raw_impact) s) p) m;
