-- What does Awin report of each transaction, in our form? `fault` is the first field that does not fit, with its
-- text; such a record is kept out (network_rejects). The amounts are those of the transaction; its parts need not
-- add up to them (see awin_parts). Awin has no time of change: what we fetched last is its state, so our clock
-- orders the versions.
CREATE VIEW awin_report AS
SELECT md5(concat_ws('|', 'AWIN', id, CAST(fetched_at AS VARCHAR), commissionstatus,
       commissionamount_amount)) AS event_id,
       'AWIN' AS platform, id AS order_line_id, fetched_at AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, advertiserid AS merchant_id, CAST(NULL AS VARCHAR) AS item_id,
       CAST(NULL AS VARCHAR) AS category_id, CAST(NULL AS VARCHAR) AS campaign_id,
       commissionamount_currency AS currency, saleamount_amount_v AS pay_amount,
       CASE WHEN saleamount_amount_v > 0 AND ABS(commissionamount_amount_v) <= saleamount_amount_v
            THEN CAST(commissionamount_amount_v / saleamount_amount_v AS DECIMAL(9,6)) END AS commission_rate,
       commissionamount_amount_v AS est_commission,
       CASE status WHEN 'DECLINED'
            THEN CAST(0 AS DECIMAL(18,2)) WHEN 'APPROVED' THEN commissionamount_amount_v WHEN 'PAYABLE'
                 THEN commissionamount_amount_v END AS act_commission,
       0.000000 AS service_fee_rate, transactiondate_v AS pay_time, validationdate_v AS receive_time,
       CASE status WHEN 'PAYABLE' THEN validationdate_v END AS settle_time, fetched_at AS ingest_time,
       orderref AS parent_order_id, commissionstatus AS status_raw, CAST(NULL AS VARCHAR) AS click_id,
       clickrefs_clickref AS sub_id, CAST(NULL AS VARCHAR) AS sku_id, CAST(NULL AS BIGINT) AS qty,
       CAST(NULL AS BIGINT) AS qty_returned, CAST(NULL AS DECIMAL(18,2)) AS settle_amount,
       CAST(NULL AS DECIMAL(18,2)) AS subsidy, CAST(NULL AS DECIMAL(18,2)) AS service_fee, clickdate_v AS click_time,
       transactiondate_v AS order_time, CAST(NULL AS VARCHAR) AS refund_tag,
       COALESCE(declinereason, amendreason) AS decline_reason, body_hash AS raw_ref,
       fault
FROM (
  SELECT p.*,
         CASE WHEN commissionstatus IN ('declined', 'deleted')
              THEN 'DECLINED' WHEN commissionstatus = 'pending' THEN 'PENDING'
              WHEN commissionstatus = 'approved' AND lower(paidtopublisher) = 'true' THEN 'PAYABLE'
              WHEN commissionstatus = 'approved' THEN 'APPROVED' END AS status,
         CASE WHEN saleamount_amount_v IS NULL THEN 'saleAmount_amount=' || COALESCE(saleamount_amount, '')
              WHEN commissionamount_amount_v IS NULL
                   THEN 'commissionAmount_amount=' || COALESCE(commissionamount_amount, '')
              WHEN transactiondate_v IS NULL THEN 'transactionDate=' || COALESCE(transactiondate, '')
              WHEN clickdate IS NOT NULL AND clickdate_v IS NULL THEN 'clickDate=' || clickdate
              WHEN validationdate IS NOT NULL AND validationdate_v IS NULL THEN 'validationDate=' || validationdate
              WHEN commissionstatus IS NULL OR commissionstatus NOT IN ('pending', 'approved', 'declined', 'deleted')
                   THEN 'commissionStatus=' || COALESCE(commissionstatus, '')
              WHEN commissionamount_currency IS NULL OR NOT regexp_like(commissionamount_currency, '^[A-Z]{3}$')
                   THEN 'commissionAmount_currency=' || COALESCE(commissionamount_currency, '')
              WHEN saleamount_currency <> commissionamount_currency
                   THEN 'saleAmount_currency=' || COALESCE(saleamount_currency, '') END AS fault
  FROM (
    SELECT s.*,
           CASE WHEN regexp_like(saleamount_amount, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(saleamount_amount AS DECIMAL(18,2)) END AS saleamount_amount_v,
           CASE WHEN regexp_like(commissionamount_amount, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(commissionamount_amount AS DECIMAL(18,2)) END AS commissionamount_amount_v,
           CASE WHEN regexp_like(transactiondate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
                THEN TRY_CAST(transactiondate AS TIMESTAMP(6)) END AS transactiondate_v,
           CASE WHEN regexp_like(clickdate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
                THEN TRY_CAST(clickdate AS TIMESTAMP(6)) END AS clickdate_v,
           CASE WHEN regexp_like(validationdate, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z?$')
                THEN TRY_CAST(validationdate AS TIMESTAMP(6)) END AS validationdate_v
    FROM (
      SELECT fetched_at, body_hash,
             NULLIF(NULLIF("saleAmount_amount", '--'), '') AS saleamount_amount,
             NULLIF(NULLIF("commissionAmount_amount", '--'), '') AS commissionamount_amount,
             NULLIF(NULLIF("transactionDate", '--'), '') AS transactiondate,
             NULLIF(NULLIF("clickDate", '--'), '') AS clickdate,
             NULLIF(NULLIF("validationDate", '--'), '') AS validationdate, NULLIF(NULLIF(id, '--'), '') AS id,
             NULLIF(NULLIF("advertiserId", '--'), '') AS advertiserid,
             NULLIF(NULLIF("orderRef", '--'), '') AS orderref,
             NULLIF(NULLIF("commissionStatus", '--'), '') AS commissionstatus,
             NULLIF(NULLIF("saleAmount_currency", '--'), '') AS saleamount_currency,
             NULLIF(NULLIF("commissionAmount_currency", '--'), '') AS commissionamount_currency,
             NULLIF(NULLIF("clickRefs_clickRef", '--'), '') AS clickrefs_clickref,
             NULLIF(NULLIF(amended, '--'), '') AS amended, NULLIF(NULLIF("amendReason", '--'), '') AS amendreason,
             NULLIF(NULLIF("declineReason", '--'), '') AS declinereason,
             NULLIF(NULLIF("paidToPublisher", '--'), '') AS paidtopublisher
      FROM raw_awin) s) p) m;
