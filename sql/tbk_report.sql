-- What does Taobao report of each order line, in our form? `fault` is the first field that does not fit, with its
-- text; such a record is kept out (network_rejects). Yuan and percent as text, '--' for nothing, Beijing time. The
-- commission is the expected one until the line is settled (3), then the one in the end; an invalid line (13) has
-- none. The settled record does not say when the goods were received. The line is the child order; one that comes
-- twice under two adzones is one.
-- `unid` is our click, where Taobao gives it back; a channel or a member stands for a user.
CREATE VIEW tbk_report AS
SELECT md5(concat_ws('|', 'TBK', trade_id, modified_time, tk_status, COALESCE(alipay_total_price, '-'),
       COALESCE(pay_price, '-'), COALESCE(pub_share_pre_fee, '-'), COALESCE(pub_share_fee, '-'), COALESCE(refund_tag,
          '-'))) AS event_id,
       'TBK' AS platform, trade_id AS order_line_id, modified_time_v AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, seller_shop_title AS merchant_id, item_id, item_category_name AS category_id,
       CAST(NULL AS VARCHAR) AS campaign_id, 'CNY' AS currency, alipay_total_price_v AS pay_amount,
       COALESCE(tk_total_rate_v, total_commission_rate_v) AS commission_rate, pub_share_pre_fee_v AS est_commission,
       CASE status WHEN 'PAYABLE'
            THEN pub_share_fee_v WHEN 'DECLINED' THEN CAST(0 AS DECIMAL(18,2)) END AS act_commission,
       COALESCE(alimama_rate_v, 0.000000) AS service_fee_rate, COALESCE(tb_paid_time_v, tk_paid_time_v) AS pay_time,
       CASE status WHEN 'RECEIVED' THEN modified_time_v END AS receive_time, tk_earning_time_v AS settle_time,
       fetched_at AS ingest_time, trade_parent_id AS parent_order_id, tk_status AS status_raw,
       unid AS click_id, COALESCE(relation_id, special_id) AS sub_id,
       CAST(NULL AS VARCHAR) AS sku_id, item_num_v AS qty, CAST(NULL AS BIGINT) AS qty_returned,
       CASE status WHEN 'PAYABLE' THEN pay_price_v END AS settle_amount, subsidy_fee_v AS subsidy,
       CASE WHEN status <> 'DECLINED'
            THEN CAST(alimama_share_fee_v + COALESCE(platform_special_service_fee_v, 0.00) AS DECIMAL(18,2))
                 END AS service_fee,
       click_time_v AS click_time, tk_create_time_v AS order_time, refund_tag, CAST(NULL AS VARCHAR) AS decline_reason,
       body_hash AS raw_ref,
       fault
FROM (
  SELECT p.*,
         CASE tk_status WHEN '11'
              THEN 'TRACKED' WHEN '12' THEN 'PENDING' WHEN '14' THEN 'RECEIVED' WHEN '3' THEN 'PAYABLE'
                   WHEN '13' THEN 'DECLINED' END AS status,
         CASE WHEN modified_time_v IS NULL THEN 'modified_time=' || COALESCE(modified_time, '')
              WHEN tb_paid_time IS NOT NULL AND tb_paid_time_v IS NULL THEN 'tb_paid_time=' || tb_paid_time
              WHEN tk_paid_time IS NOT NULL AND tk_paid_time_v IS NULL THEN 'tk_paid_time=' || tk_paid_time
              WHEN tk_create_time IS NOT NULL AND tk_create_time_v IS NULL THEN 'tk_create_time=' || tk_create_time
              WHEN click_time IS NOT NULL AND click_time_v IS NULL THEN 'click_time=' || click_time
              WHEN tk_earning_time IS NOT NULL AND tk_earning_time_v IS NULL THEN 'tk_earning_time=' || tk_earning_time
              WHEN alipay_total_price IS NOT NULL AND alipay_total_price_v IS NULL
                   THEN 'alipay_total_price=' || alipay_total_price
              WHEN pay_price IS NOT NULL AND pay_price_v IS NULL THEN 'pay_price=' || pay_price
              WHEN tk_total_rate IS NOT NULL AND tk_total_rate_v IS NULL THEN 'tk_total_rate=' || tk_total_rate
              WHEN total_commission_rate IS NOT NULL AND total_commission_rate_v IS NULL
                   THEN 'total_commission_rate=' || total_commission_rate
              WHEN pub_share_pre_fee IS NOT NULL AND pub_share_pre_fee_v IS NULL
                   THEN 'pub_share_pre_fee=' || pub_share_pre_fee
              WHEN pub_share_fee IS NOT NULL AND pub_share_fee_v IS NULL THEN 'pub_share_fee=' || pub_share_fee
              WHEN subsidy_fee IS NOT NULL AND subsidy_fee_v IS NULL THEN 'subsidy_fee=' || subsidy_fee
              WHEN alimama_rate IS NOT NULL AND alimama_rate_v IS NULL THEN 'alimama_rate=' || alimama_rate
              WHEN alimama_share_fee IS NOT NULL AND alimama_share_fee_v IS NULL
                   THEN 'alimama_share_fee=' || alimama_share_fee
              WHEN platform_special_service_fee IS NOT NULL AND platform_special_service_fee_v IS NULL
                   THEN 'platform_special_service_fee=' || platform_special_service_fee
              WHEN item_num IS NOT NULL AND item_num_v IS NULL THEN 'item_num=' || item_num
              WHEN tk_status IS NULL OR tk_status NOT IN ('11', '12', '14', '3', '13')
                   THEN 'tk_status=' || COALESCE(tk_status, '')
              WHEN tk_status = '3' AND pub_share_fee IS NULL THEN 'pub_share_fee=' || COALESCE(pub_share_fee, '')
              WHEN tk_status IN ('12', '14') AND pub_share_pre_fee IS NULL
                   THEN 'pub_share_pre_fee=' || COALESCE(pub_share_pre_fee, '') END AS fault
  FROM (
    SELECT s.*,
           CASE WHEN regexp_like(modified_time, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(modified_time AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS modified_time_v,
           CASE WHEN regexp_like(tb_paid_time, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(tb_paid_time AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS tb_paid_time_v,
           CASE WHEN regexp_like(tk_paid_time, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(tk_paid_time AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS tk_paid_time_v,
           CASE WHEN regexp_like(tk_create_time, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(tk_create_time AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS tk_create_time_v,
           CASE WHEN regexp_like(click_time, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(click_time AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS click_time_v,
           CASE WHEN regexp_like(tk_earning_time, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(tk_earning_time AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS tk_earning_time_v,
           CASE WHEN regexp_like(alipay_total_price, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(alipay_total_price AS DECIMAL(18,2)) END AS alipay_total_price_v,
           CASE WHEN regexp_like(pay_price, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(pay_price AS DECIMAL(18,2)) END AS pay_price_v,
           CASE WHEN regexp_like(tk_total_rate, '^[0-9]{1,3}([.][0-9]{1,4}0*)?$')
                THEN CAST(CAST(tk_total_rate AS DECIMAL(7,4)) * 0.01 AS DECIMAL(9,6)) END AS tk_total_rate_v,
           CASE WHEN regexp_like(total_commission_rate, '^[0-9]{1,3}([.][0-9]{1,4}0*)?$')
                THEN CAST(CAST(total_commission_rate AS DECIMAL(7,4)) * 0.01 AS DECIMAL(9,6))
                     END AS total_commission_rate_v,
           CASE WHEN regexp_like(pub_share_pre_fee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(pub_share_pre_fee AS DECIMAL(18,2)) END AS pub_share_pre_fee_v,
           CASE WHEN regexp_like(pub_share_fee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(pub_share_fee AS DECIMAL(18,2)) END AS pub_share_fee_v,
           CASE WHEN regexp_like(subsidy_fee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(subsidy_fee AS DECIMAL(18,2)) END AS subsidy_fee_v,
           CASE WHEN regexp_like(alimama_rate, '^[0-9]{1,3}([.][0-9]{1,4}0*)?$')
                THEN CAST(CAST(alimama_rate AS DECIMAL(7,4)) * 0.01 AS DECIMAL(9,6)) END AS alimama_rate_v,
           CASE WHEN regexp_like(alimama_share_fee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(alimama_share_fee AS DECIMAL(18,2)) END AS alimama_share_fee_v,
           CASE WHEN regexp_like(platform_special_service_fee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(platform_special_service_fee AS DECIMAL(18,2)) END AS platform_special_service_fee_v,
           CASE WHEN regexp_like(item_num, '^[0-9]{1,9}$') THEN CAST(item_num AS BIGINT) END AS item_num_v
    FROM (
      SELECT fetched_at, body_hash,
             NULLIF(NULLIF(modified_time, '--'), '') AS modified_time,
             NULLIF(NULLIF(tb_paid_time, '--'), '') AS tb_paid_time,
             NULLIF(NULLIF(tk_paid_time, '--'), '') AS tk_paid_time,
             NULLIF(NULLIF(tk_create_time, '--'), '') AS tk_create_time,
             NULLIF(NULLIF(click_time, '--'), '') AS click_time,
             NULLIF(NULLIF(tk_earning_time, '--'), '') AS tk_earning_time,
             NULLIF(NULLIF(alipay_total_price, '--'), '') AS alipay_total_price,
             NULLIF(NULLIF(pay_price, '--'), '') AS pay_price,
             NULLIF(NULLIF(tk_total_rate, '--'), '') AS tk_total_rate,
             NULLIF(NULLIF(total_commission_rate, '--'), '') AS total_commission_rate,
             NULLIF(NULLIF(pub_share_pre_fee, '--'), '') AS pub_share_pre_fee,
             NULLIF(NULLIF(pub_share_fee, '--'), '') AS pub_share_fee,
             NULLIF(NULLIF(subsidy_fee, '--'), '') AS subsidy_fee,
             NULLIF(NULLIF(alimama_rate, '--'), '') AS alimama_rate,
             NULLIF(NULLIF(alimama_share_fee, '--'), '') AS alimama_share_fee,
             NULLIF(NULLIF(platform_special_service_fee, '--'), '') AS platform_special_service_fee,
             NULLIF(NULLIF(item_num, '--'), '') AS item_num, NULLIF(NULLIF(trade_id, '--'), '') AS trade_id,
             NULLIF(NULLIF(trade_parent_id, '--'), '') AS trade_parent_id,
             NULLIF(NULLIF(tk_status, '--'), '') AS tk_status, NULLIF(NULLIF(item_id, '--'), '') AS item_id,
             NULLIF(NULLIF(item_category_name, '--'), '') AS item_category_name,
             NULLIF(NULLIF(seller_shop_title, '--'), '') AS seller_shop_title,
             NULLIF(NULLIF(refund_tag, '--'), '') AS refund_tag, NULLIF(NULLIF(relation_id, '--'), '') AS relation_id,
             NULLIF(NULLIF(special_id, '--'), '') AS special_id, NULLIF(NULLIF(unid, '--'), '') AS unid
      FROM raw_tbk) s) p) m;
