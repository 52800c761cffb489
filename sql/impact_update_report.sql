-- What do Impact's updates say of each action, in our form, one version an update? Amounts are differences: each
-- update's version is the sum of the action's updates up to it. An update also says what the commission is after it;
-- the sum must be the same, or an update is missing and this one is kept out (network_rejects).
CREATE VIEW impact_update_report AS
SELECT md5(concat_ws('|', 'IMPACT update', update_id, state, delta_payout)) AS event_id,
       'IMPACT' AS platform,
       action_id AS order_line_id, update_date_v AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, campaign AS merchant_id, CAST(NULL AS VARCHAR) AS item_id,
       CAST(NULL AS VARCHAR) AS category_id, CAST(NULL AS VARCHAR) AS campaign_id, currency_code AS currency,
       amount_so_far AS pay_amount, CAST(NULL AS DECIMAL(9,6)) AS commission_rate, payout_so_far AS est_commission,
       CASE WHEN status IN ('DECLINED', 'REVERSED') THEN CAST(0 AS DECIMAL(18,2)) WHEN status IN ('APPROVED', 'PAYABLE')
            THEN payout_so_far END AS act_commission,
       0.000000 AS service_fee_rate, event_date_v AS pay_time,
       CASE WHEN status IN ('APPROVED', 'PAYABLE') THEN locking_date_v END AS receive_time,
       cleared_date_v AS settle_time, fetched_at AS ingest_time, oid AS parent_order_id, state AS status_raw,
       CAST(NULL AS VARCHAR) AS click_id, sub_id, CAST(NULL AS VARCHAR) AS sku_id, CAST(NULL AS BIGINT) AS qty,
       CAST(NULL AS BIGINT) AS qty_returned, CAST(NULL AS DECIMAL(18,2)) AS settle_amount,
       CAST(NULL AS DECIMAL(18,2)) AS subsidy, CAST(NULL AS DECIMAL(18,2)) AS service_fee,
       CAST(NULL AS TIMESTAMP(6)) AS click_time, event_date_v AS order_time, CAST(NULL AS VARCHAR) AS refund_tag,
       CAST(NULL AS VARCHAR) AS decline_reason, body_hash AS raw_ref,
       fault
FROM (
  SELECT v.*,
         CASE WHEN state = 'REVERSED' AND locking_date_v <= update_date_v THEN 'REVERSED' WHEN state = 'REVERSED'
              THEN 'DECLINED'
              WHEN state = 'APPROVED' AND cleared_date_v <= update_date_v THEN 'PAYABLE' WHEN state = 'APPROVED'
                   THEN 'APPROVED'
              WHEN state = 'PENDING' THEN 'PENDING' END AS status,
         COALESCE(own_fault, CASE WHEN faults_so_far > 0 THEN 'ActionId=' || action_id
                                  WHEN payout_v <> payout_so_far THEN 'DeltaPayout=' || delta_payout END) AS fault
  FROM (
    SELECT r.*, COUNT(own_fault) OVER so_far AS faults_so_far,
           CAST(SUM(delta_payout_v) OVER so_far AS DECIMAL(18,2)) AS payout_so_far,
           CAST(SUM(delta_amount_v) OVER so_far AS DECIMAL(18,2)) AS amount_so_far
    FROM impact_update r
    WINDOW so_far AS (PARTITION BY action_id ORDER BY update_date_v NULLS LAST, update_id
         ROWS UNBOUNDED PRECEDING)) v) m;
