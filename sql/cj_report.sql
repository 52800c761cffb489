-- What does CJ report of each action, in our form, one version a record? A correction is a record of its own with
-- signed amounts, a restatement two (one that takes out, one that puts in): each record's version is the sum of the
-- action's records up to it, in the order of their posting. The status is that of the original record; an action
-- whose records add up to nothing is declined, or reversed if it was closed. From the first record with a fault on,
-- and before the original is there, there is no version.
CREATE VIEW cj_report AS
SELECT md5(concat_ws('|', 'CJ', commission_id, posting_date, action_status, validation_status, sale,
       commission)) AS event_id,
       'CJ' AS platform, action_id AS order_line_id, posting_date_v AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, advertiser_id AS merchant_id, CAST(NULL AS VARCHAR) AS item_id,
       CAST(NULL AS VARCHAR) AS category_id, CAST(NULL AS VARCHAR) AS campaign_id, 'USD' AS currency,
       sale_so_far AS pay_amount, CAST(NULL AS DECIMAL(9,6)) AS commission_rate, commission_so_far AS est_commission,
       CASE WHEN status IN ('DECLINED', 'REVERSED') THEN CAST(0 AS DECIMAL(18,2))
            WHEN status IN ('APPROVED', 'PAYABLE') THEN commission_so_far END AS act_commission,
       0.000000 AS service_fee_rate, bought_at AS pay_time,
       CASE WHEN status IN ('APPROVED', 'PAYABLE') THEN locked_at END AS receive_time,
       CASE WHEN status IN ('PAYABLE', 'REVERSED') THEN locked_at END AS settle_time, fetched_at AS ingest_time,
       order_id AS parent_order_id, action_status AS status_raw, CAST(NULL AS VARCHAR) AS click_id, sub_id,
       CAST(NULL AS VARCHAR) AS sku_id, CAST(NULL AS BIGINT) AS qty, CAST(NULL AS BIGINT) AS qty_returned,
       CAST(NULL AS DECIMAL(18,2)) AS settle_amount, CAST(NULL AS DECIMAL(18,2)) AS subsidy,
       CAST(NULL AS DECIMAL(18,2)) AS service_fee, clicked_at AS click_time, bought_at AS order_time,
       CAST(NULL AS VARCHAR) AS refund_tag, correction_reason AS decline_reason, body_hash AS raw_ref,
       fault
FROM (
  SELECT v.*,
         CASE WHEN (records_so_far > 1 AND commission_so_far = 0) OR validation_original = 'DECLINED'
              THEN CASE status_original WHEN 'CLOSED' THEN 'REVERSED' ELSE 'DECLINED' END
              ELSE CASE status_original WHEN 'NEW' THEN 'PENDING' WHEN 'EXTENDED' THEN 'PENDING' WHEN 'LOCKED'
                   THEN 'APPROVED'
                   WHEN 'CLOSED' THEN 'PAYABLE' END END AS status,
         COALESCE(own_fault, CASE WHEN faults_so_far > 0 THEN 'originalActionId=' || action_id
                                  WHEN originals_so_far = 0 THEN 'original=' || COALESCE(original, '') END) AS fault
  FROM (
    SELECT r.*, COUNT(*) OVER so_far AS records_so_far, COUNT(own_fault) OVER so_far AS faults_so_far,
           SUM(CASE WHEN original = 'true' THEN 1 ELSE 0 END) OVER so_far AS originals_so_far,
           CAST(SUM(sale_v) OVER so_far AS DECIMAL(18,2)) AS sale_so_far,
           CAST(SUM(commission_v) OVER so_far AS DECIMAL(18,2)) AS commission_so_far,
           FIRST_VALUE(action_status) OVER so_far AS status_original,
           FIRST_VALUE(validation_status) OVER so_far AS validation_original,
           FIRST_VALUE(event_date_v) OVER so_far AS bought_at, FIRST_VALUE(click_date_v) OVER so_far AS clicked_at,
           FIRST_VALUE(locking_date_v) OVER so_far AS locked_at, FIRST_VALUE(order_ref) OVER so_far AS order_id,
           FIRST_VALUE(advertiser) OVER so_far AS advertiser_id, FIRST_VALUE(shopper) OVER so_far AS sub_id
    FROM cj_record r
    WINDOW so_far AS (PARTITION BY action_id ORDER BY posting_date_v NULLS LAST, CASE WHEN original = 'true' THEN 0
         ELSE 1 END,
                      commission_id ROWS UNBOUNDED PRECEDING)) v) m;
