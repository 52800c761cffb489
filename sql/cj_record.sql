-- Which commission records does CJ report, each as fetched last? `own_fault` is the first field that does not fit.
CREATE VIEW cj_record AS
SELECT p.*,
       CASE WHEN posting_date_v IS NULL THEN 'postingDate=' || COALESCE(posting_date, '')
            WHEN event_date_v IS NULL THEN 'eventDate=' || COALESCE(event_date, '')
            WHEN click_date IS NOT NULL AND click_date_v IS NULL THEN 'clickDate=' || click_date
            WHEN locking_date IS NOT NULL AND locking_date_v IS NULL THEN 'lockingDate=' || locking_date
            WHEN sale_v IS NULL THEN 'saleAmountUsd=' || COALESCE(sale, '')
            WHEN commission_v IS NULL THEN 'pubCommissionAmountUsd=' || COALESCE(commission, '')
            WHEN original IS NULL OR original NOT IN ('true', 'false') THEN 'original=' || COALESCE(original, '')
            WHEN action_status NOT IN ('NEW', 'EXTENDED', 'LOCKED', 'CLOSED') THEN 'actionStatus=' || action_status
            END AS own_fault
FROM (
  SELECT s.*,
         CASE WHEN regexp_like(posting_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
              THEN TRY_CAST(posting_date AS TIMESTAMP(6)) END AS posting_date_v,
         CASE WHEN regexp_like(event_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
              THEN TRY_CAST(event_date AS TIMESTAMP(6)) END AS event_date_v,
         CASE WHEN regexp_like(click_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
              THEN TRY_CAST(click_date AS TIMESTAMP(6)) END AS click_date_v,
         CASE WHEN regexp_like(locking_date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
              THEN TRY_CAST(locking_date AS TIMESTAMP(6)) END AS locking_date_v,
         CASE WHEN regexp_like(sale, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
              THEN CAST(sale AS DECIMAL(18,2)) END AS sale_v,
         CASE WHEN regexp_like(commission, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
              THEN CAST(commission AS DECIMAL(18,2)) END AS commission_v
  FROM (
    SELECT "commissionId" AS commission_id, COALESCE(NULLIF("originalActionId", ''), "commissionId") AS action_id,
           lower("original") AS original, "orderId" AS order_ref, "actionStatus" AS action_status,
           "validationStatus" AS validation_status, NULLIF("correctionReason", '') AS correction_reason,
           "advertiserId" AS advertiser, NULLIF("shopperId", '') AS shopper, NULLIF("clickDate", '') AS click_date,
           NULLIF("eventDate", '') AS event_date, NULLIF("postingDate", '') AS posting_date,
           NULLIF("lockingDate", '') AS locking_date, NULLIF("saleAmountUsd", '') AS sale,
           NULLIF("pubCommissionAmountUsd", '') AS commission, fetched_at, body_hash,
           ROW_NUMBER() OVER (PARTITION BY "commissionId" ORDER BY fetched_at DESC, body_hash DESC) AS rn
    FROM raw_cj) s
  WHERE rn = 1) p;
