-- Which updates of actions does Impact report, each once? `own_fault` is the first field that does not fit.
CREATE VIEW impact_update AS
SELECT p.*,
       CASE WHEN update_date_v IS NULL THEN 'UpdateDate=' || COALESCE(update_date, '')
            WHEN event_date_v IS NULL THEN 'EventDate=' || COALESCE(event_date, '')
            WHEN locking_date IS NOT NULL AND locking_date_v IS NULL THEN 'LockingDate=' || locking_date
            WHEN cleared_date IS NOT NULL AND cleared_date_v IS NULL THEN 'ClearedDate=' || cleared_date
            WHEN delta_payout_v IS NULL THEN 'DeltaPayout=' || COALESCE(delta_payout, '')
            WHEN delta_amount_v IS NULL THEN 'DeltaAmount=' || COALESCE(delta_amount, '')
            WHEN payout_v IS NULL THEN 'Payout=' || COALESCE(payout, '')
            WHEN state NOT IN ('PENDING', 'APPROVED', 'REVERSED') THEN 'State=' || state
            WHEN currency_code IS NULL OR NOT regexp_like(currency_code, '^[A-Z]{3}$')
            THEN 'Currency=' || COALESCE(currency_code, '') END AS own_fault
FROM (
  SELECT s.*,
         CASE WHEN regexp_like(update_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
              THEN TRY_CAST(update_date AS TIMESTAMP(6)) END AS update_date_v,
         CASE WHEN regexp_like(event_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
              THEN TRY_CAST(event_date AS TIMESTAMP(6)) END AS event_date_v,
         CASE WHEN regexp_like(locking_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
              THEN TRY_CAST(locking_date AS TIMESTAMP(6)) END AS locking_date_v,
         CASE WHEN regexp_like(cleared_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})$')
              THEN TRY_CAST(cleared_date AS TIMESTAMP(6)) END AS cleared_date_v,
         CASE WHEN regexp_like(delta_payout, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
              THEN CAST(delta_payout AS DECIMAL(18,2)) END AS delta_payout_v,
         CASE WHEN regexp_like(delta_amount, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
              THEN CAST(delta_amount AS DECIMAL(18,2)) END AS delta_amount_v,
         CASE WHEN regexp_like(payout, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
              THEN CAST(payout AS DECIMAL(18,2)) END AS payout_v
  FROM (
    SELECT "Id" AS update_id, "ActionId" AS action_id, "CampaignId" AS campaign, "State" AS state,
           NULLIF("DeltaPayout", '') AS delta_payout, NULLIF("DeltaAmount", '') AS delta_amount,
           NULLIF("Payout", '') AS payout, "Currency" AS currency_code, NULLIF("EventDate", '') AS event_date,
           NULLIF("UpdateDate", '') AS update_date, NULLIF("LockingDate", '') AS locking_date,
           NULLIF("ClearedDate", '') AS cleared_date, "Oid" AS oid, NULLIF("SubId1", '') AS sub_id, fetched_at,
                body_hash,
           ROW_NUMBER() OVER (PARTITION BY "Id" ORDER BY fetched_at, body_hash) AS rn
    FROM raw_impact_updates) s
  WHERE rn = 1) p;
