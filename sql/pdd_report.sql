-- What does Pinduoduo report of each order, in our form? `fault` is the first field that does not fit, with its
-- text; such a record is kept out (network_rejects). Fen, per mille, seconds since 1970; 0 is no time. One amount of
-- commission goes through all states: it is the expected one until the order is verified (3) or settled (5).
-- -1 unpaid, 0 paid, 1 group complete, 2 received, 3 verified, 5 settled, 4 failed, 8 no commission, 10 penalty.
CREATE VIEW pdd_report AS
SELECT md5(concat_ws('|', 'PDD', order_sn, order_modify_at, order_status, COALESCE(order_amount, '-'),
       COALESCE(promotion_amount, '-'))) AS event_id,
       'PDD' AS platform, order_sn AS order_line_id, order_modify_at_v AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, mall_id AS merchant_id, goods_id AS item_id, cat_ids AS category_id,
       CAST(NULL AS VARCHAR) AS campaign_id, 'CNY' AS currency, order_amount_v AS pay_amount,
       promotion_rate_v AS commission_rate, promotion_amount_v AS est_commission,
       CASE WHEN status IN ('DECLINED', 'REVERSED')
            THEN CAST(0 AS DECIMAL(18,2)) WHEN status IN ('APPROVED', 'PAYABLE') THEN promotion_amount_v
                 END AS act_commission,
       0.000000 AS service_fee_rate, order_pay_time_v AS pay_time, order_receive_time_v AS receive_time,
       order_settle_time_v AS settle_time, fetched_at AS ingest_time, group_id AS parent_order_id,
       order_status AS status_raw, CAST(NULL AS VARCHAR) AS click_id,
       CASE WHEN custom_parameters LIKE '{%' THEN regexp_match(custom_parameters, '"uid" *: *"([^"]{1,128})"')[1]
            ELSE custom_parameters END AS sub_id,
       CAST(NULL AS VARCHAR) AS sku_id, goods_quantity_v AS qty, CAST(NULL AS BIGINT) AS qty_returned,
       CAST(NULL AS DECIMAL(18,2)) AS settle_amount, subsidy_amount_v AS subsidy,
       CAST(NULL AS DECIMAL(18,2)) AS service_fee, CAST(NULL AS TIMESTAMP(6)) AS click_time,
       order_create_time_v AS order_time, CAST(NULL AS VARCHAR) AS refund_tag,
       CASE WHEN price_compare_status = '1' THEN 'PRICE_COMPARE' ELSE fail_reason END AS decline_reason,
       body_hash AS raw_ref,
       fault
FROM (
  SELECT p.*,
         CASE order_status WHEN '-1'
              THEN 'TRACKED' WHEN '0' THEN 'PENDING' WHEN '1' THEN 'PENDING' WHEN '2' THEN 'RECEIVED'
              WHEN '3' THEN 'APPROVED' WHEN '5' THEN 'PAYABLE' WHEN '4' THEN 'DECLINED' WHEN '8' THEN 'DECLINED'
              WHEN '10' THEN 'REVERSED' END AS status,
         CASE WHEN order_modify_at_v IS NULL THEN 'order_modify_at=' || COALESCE(order_modify_at, '')
              WHEN order_create_time IS NOT NULL AND order_create_time_v IS NULL
                   THEN 'order_create_time=' || order_create_time
              WHEN order_pay_time IS NOT NULL AND order_pay_time_v IS NULL THEN 'order_pay_time=' || order_pay_time
              WHEN order_receive_time IS NOT NULL AND order_receive_time_v IS NULL
                   THEN 'order_receive_time=' || order_receive_time
              WHEN order_settle_time IS NOT NULL AND order_settle_time_v IS NULL
                   THEN 'order_settle_time=' || order_settle_time
              WHEN order_amount IS NOT NULL AND order_amount_v IS NULL THEN 'order_amount=' || order_amount
              WHEN promotion_rate IS NOT NULL AND promotion_rate_v IS NULL THEN 'promotion_rate=' || promotion_rate
              WHEN promotion_amount IS NOT NULL AND promotion_amount_v IS NULL
                   THEN 'promotion_amount=' || promotion_amount
              WHEN subsidy_amount IS NOT NULL AND subsidy_amount_v IS NULL THEN 'subsidy_amount=' || subsidy_amount
              WHEN goods_quantity IS NOT NULL AND goods_quantity_v IS NULL THEN 'goods_quantity=' || goods_quantity
              WHEN order_status IS NULL OR order_status NOT IN ('-1', '0', '1', '2', '3', '5', '4', '8', '10')
                   THEN 'order_status=' || COALESCE(order_status, '')
              WHEN promotion_amount IS NULL THEN 'promotion_amount=' || COALESCE(promotion_amount, '') END AS fault
  FROM (
    SELECT s.*,
           CASE WHEN regexp_like(order_modify_at, '^[0-9]{9,10}$')
             THEN CAST(to_timestamp_seconds(CAST(order_modify_at AS BIGINT)) AS TIMESTAMP(6)) END AS order_modify_at_v,
           CASE WHEN regexp_like(order_create_time, '^[0-9]{9,10}$')
             THEN CAST(to_timestamp_seconds(CAST(order_create_time AS BIGINT)) AS TIMESTAMP(6))
                  END AS order_create_time_v,
           CASE WHEN regexp_like(order_pay_time, '^[0-9]{9,10}$')
             THEN CAST(to_timestamp_seconds(CAST(order_pay_time AS BIGINT)) AS TIMESTAMP(6)) END AS order_pay_time_v,
           CASE WHEN regexp_like(order_receive_time, '^[0-9]{9,10}$')
             THEN CAST(to_timestamp_seconds(CAST(order_receive_time AS BIGINT)) AS TIMESTAMP(6))
                  END AS order_receive_time_v,
           CASE WHEN regexp_like(order_settle_time, '^[0-9]{9,10}$')
             THEN CAST(to_timestamp_seconds(CAST(order_settle_time AS BIGINT)) AS TIMESTAMP(6))
                  END AS order_settle_time_v,
           CASE WHEN regexp_like(order_amount, '^-?[0-9]{1,15}$')
                THEN CAST(CAST(order_amount AS DECIMAL(15,0)) * 0.01 AS DECIMAL(18,2)) END AS order_amount_v,
           CASE WHEN regexp_like(promotion_rate, '^[0-9]{1,4}([.][0-9]{1,3}0*)?$')
                THEN CAST(CAST(promotion_rate AS DECIMAL(7,3)) * 0.001 AS DECIMAL(9,6)) END AS promotion_rate_v,
           CASE WHEN regexp_like(promotion_amount, '^-?[0-9]{1,15}$')
                THEN CAST(CAST(promotion_amount AS DECIMAL(15,0)) * 0.01 AS DECIMAL(18,2)) END AS promotion_amount_v,
           CASE WHEN regexp_like(subsidy_amount, '^-?[0-9]{1,15}$')
                THEN CAST(CAST(subsidy_amount AS DECIMAL(15,0)) * 0.01 AS DECIMAL(18,2)) END AS subsidy_amount_v,
           CASE WHEN regexp_like(goods_quantity, '^[0-9]{1,9}$')
                THEN CAST(goods_quantity AS BIGINT) END AS goods_quantity_v
    FROM (
      SELECT fetched_at, body_hash,
             NULLIF(NULLIF(order_modify_at, '0'), '') AS order_modify_at,
             NULLIF(NULLIF(order_create_time, '0'), '') AS order_create_time,
             NULLIF(NULLIF(order_pay_time, '0'), '') AS order_pay_time,
             NULLIF(NULLIF(order_receive_time, '0'), '') AS order_receive_time,
             NULLIF(NULLIF(order_settle_time, '0'), '') AS order_settle_time,
             NULLIF(NULLIF(order_amount, '--'), '') AS order_amount,
             NULLIF(NULLIF(promotion_rate, '--'), '') AS promotion_rate,
             NULLIF(NULLIF(promotion_amount, '--'), '') AS promotion_amount,
             NULLIF(NULLIF(subsidy_amount, '--'), '') AS subsidy_amount,
             NULLIF(NULLIF(goods_quantity, '--'), '') AS goods_quantity,
             NULLIF(NULLIF(order_sn, '--'), '') AS order_sn, NULLIF(NULLIF(order_status, '--'), '') AS order_status,
             NULLIF(NULLIF(goods_id, '--'), '') AS goods_id, NULLIF(NULLIF(cat_ids, '--'), '') AS cat_ids,
             NULLIF(NULLIF(mall_id, '--'), '') AS mall_id,
             NULLIF(NULLIF(price_compare_status, '--'), '') AS price_compare_status,
             NULLIF(NULLIF(fail_reason, '--'), '') AS fail_reason,
             NULLIF(NULLIF(custom_parameters, '--'), '') AS custom_parameters,
             NULLIF(NULLIF(group_id, '--'), '') AS group_id
      FROM raw_pdd) s) p) m;
