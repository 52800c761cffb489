-- What does JD report of each order line, in our form? `fault` is the first field that does not fit, with its text;
-- such a record is kept out (network_rejects). Yuan, percent, Beijing time. The line is `id` (order and SKU), not
-- the order. A finished line (17) is payable once the day of settlement (`payMonth`) has come when we ask. What is
-- settled in the end is the sum of `balanceExt`, which can go on in later months: {20191020:10,20191120:-2} is 8.
-- Six parts are read, more are a fault. 15, 24 unpaid; 16 paid; 17 done; 18 settled, an old code; 25 to 28 penalty;
-- 2 to 14 and 19 to 23 invalid, each for its reason (2: split, its parts come as lines of their own; 12: bought by
-- the one who advertised).
-- The free text of the link is our click; a position can stand for a user.
CREATE VIEW jd_report AS
SELECT md5(concat_ws('|', 'JD', id, modifytime, status, COALESCE(estimatefee, '-'), COALESCE(actualfee, '-'),
       COALESCE(balanceext, '-'))) AS event_id,
       'JD' AS platform, id AS order_line_id, modifytime_v AS source_modified, status,
       CASE status WHEN 'TRACKED' THEN 0 WHEN 'PENDING' THEN 1 WHEN 'RECEIVED' THEN 2 WHEN 'APPROVED' THEN 3
                     WHEN 'PAYABLE' THEN 4 WHEN 'DECLINED' THEN 5 WHEN 'REVERSED' THEN 6 END AS status_rank,
       CAST(NULL AS VARCHAR) AS user_id, popid AS merchant_id, skuid AS item_id, cid1 AS category_id,
       CAST(NULL AS VARCHAR) AS campaign_id, 'CNY' AS currency, estimatecosprice_v AS pay_amount,
       CAST(commissionrate_v * COALESCE(finalrate_v, 1.000000) AS DECIMAL(9,6)) AS commission_rate,
       estimatefee_v AS est_commission,
       CASE WHEN status IN ('DECLINED', 'REVERSED')
            THEN CAST(0 AS DECIMAL(18,2)) WHEN status = 'PAYABLE' THEN COALESCE(balanceext_v, actualfee_v)
            WHEN status IN ('RECEIVED', 'APPROVED') THEN actualfee_v END AS act_commission,
       0.000000 AS service_fee_rate, CASE WHEN status <> 'TRACKED' THEN ordertime_v END AS pay_time,
       finishtime_v AS receive_time, paymonth_v AS settle_time, fetched_at AS ingest_time, orderid AS parent_order_id,
       validcode AS status_raw, COALESCE(subunionid, ext1) AS click_id, NULLIF(positionid, '0') AS sub_id,
       skuid AS sku_id, skunum_v AS qty, skureturnnum_v AS qty_returned, actualcosprice_v AS settle_amount,
       CAST(NULL AS DECIMAL(18,2)) AS subsidy, CAST(NULL AS DECIMAL(18,2)) AS service_fee,
       CAST(NULL AS TIMESTAMP(6)) AS click_time, ordertime_v AS order_time, CAST(NULL AS VARCHAR) AS refund_tag,
       CASE WHEN status IN ('DECLINED', 'REVERSED') THEN validcode END AS decline_reason, body_hash AS raw_ref,
       fault
FROM (
  SELECT p.*,
         CASE WHEN validcode IN ('15', '24') THEN 'TRACKED' WHEN validcode = '16' THEN 'PENDING'
              WHEN validcode = '18' OR (validcode = '17' AND paymonth_v <= fetched_at)
              THEN CASE WHEN balanceext_v <= 0 THEN 'REVERSED' ELSE 'PAYABLE' END
              WHEN validcode = '17' AND paymonth_v IS NOT NULL THEN 'APPROVED' WHEN validcode = '17' THEN 'RECEIVED'
              WHEN validcode IN ('25', '26', '27', '28') THEN 'REVERSED'
              WHEN regexp_like(validcode, '^([2-9]|1[0-4]|19|2[0-3])$') THEN 'DECLINED' END AS status,
         CASE WHEN modifytime_v IS NULL THEN 'modifyTime=' || COALESCE(modifytime, '')
              WHEN ordertime IS NOT NULL AND ordertime_v IS NULL THEN 'orderTime=' || ordertime
              WHEN finishtime IS NOT NULL AND finishtime_v IS NULL THEN 'finishTime=' || finishtime
              WHEN paymonth IS NOT NULL AND paymonth_v IS NULL THEN 'payMonth=' || paymonth
              WHEN commissionrate IS NOT NULL AND commissionrate_v IS NULL THEN 'commissionRate=' || commissionrate
              WHEN finalrate IS NOT NULL AND finalrate_v IS NULL THEN 'finalRate=' || finalrate
              WHEN estimatecosprice IS NOT NULL AND estimatecosprice_v IS NULL
                   THEN 'estimateCosPrice=' || estimatecosprice
              WHEN estimatefee IS NOT NULL AND estimatefee_v IS NULL THEN 'estimateFee=' || estimatefee
              WHEN actualcosprice IS NOT NULL AND actualcosprice_v IS NULL THEN 'actualCosPrice=' || actualcosprice
              WHEN actualfee IS NOT NULL AND actualfee_v IS NULL THEN 'actualFee=' || actualfee
              WHEN balanceext IS NOT NULL AND balanceext_v IS NULL THEN 'balanceExt=' || balanceext
              WHEN skunum IS NOT NULL AND skunum_v IS NULL THEN 'skuNum=' || skunum
              WHEN skureturnnum IS NOT NULL AND skureturnnum_v IS NULL THEN 'skuReturnNum=' || skureturnnum
              WHEN validcode IS NULL OR NOT regexp_like(validcode, '^([2-9]|1[0-9]|2[0-8])$')
              THEN 'validCode=' || COALESCE(validcode, '') END AS fault
  FROM (
    SELECT s.*,
           CASE WHEN regexp_like(modifytime, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(modifytime AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS modifytime_v,
           CASE WHEN regexp_like(ordertime, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(ordertime AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS ordertime_v,
           CASE WHEN regexp_like(finishtime, '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
             THEN TRY_CAST(finishtime AS TIMESTAMP(6)) - INTERVAL '8 hours' END AS finishtime_v,
           CASE WHEN regexp_like(paymonth, '^[0-9]{8}$')
             THEN TRY_CAST(concat_ws('-', substr(paymonth, 1, 4), substr(paymonth, 5, 2), substr(paymonth, 7,
                  2)) AS TIMESTAMP(6))
                  - INTERVAL '8 hours' END AS paymonth_v,
           CASE WHEN regexp_like(commissionrate, '^[0-9]{1,3}([.][0-9]{1,4}0*)?$')
                THEN CAST(CAST(commissionrate AS DECIMAL(7,4)) * 0.01 AS DECIMAL(9,6)) END AS commissionrate_v,
           CASE WHEN regexp_like(finalrate, '^[0-9]{1,3}([.][0-9]{1,4}0*)?$')
                THEN CAST(CAST(finalrate AS DECIMAL(7,4)) * 0.01 AS DECIMAL(9,6)) END AS finalrate_v,
           CASE WHEN regexp_like(estimatecosprice, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(estimatecosprice AS DECIMAL(18,2)) END AS estimatecosprice_v,
           CASE WHEN regexp_like(estimatefee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(estimatefee AS DECIMAL(18,2)) END AS estimatefee_v,
           CASE WHEN regexp_like(actualcosprice, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(actualcosprice AS DECIMAL(18,2)) END AS actualcosprice_v,
           CASE WHEN regexp_like(actualfee, '^-?[0-9]{1,15}([.][0-9]{1,2}0*)?$')
                THEN CAST(actualfee AS DECIMAL(18,2)) END AS actualfee_v,
           CASE WHEN regexp_like(balanceext, '^[{]([0-9]{8}:-?[0-9]{1,12}([.][0-9]{1,2})?(, ?|[}])){1,6}$')
             THEN CAST(COALESCE(TRY_CAST(rtrim(split_part(split_part(balanceext, ',', 1), ':', 2),
                  '}') AS DECIMAL(18,2)), 0.00)
               + COALESCE(TRY_CAST(rtrim(split_part(split_part(balanceext, ',', 2), ':', 2), '}') AS DECIMAL(18,2)),
                    0.00)
               + COALESCE(TRY_CAST(rtrim(split_part(split_part(balanceext, ',', 3), ':', 2), '}') AS DECIMAL(18,2)),
                    0.00)
               + COALESCE(TRY_CAST(rtrim(split_part(split_part(balanceext, ',', 4), ':', 2), '}') AS DECIMAL(18,2)),
                    0.00)
               + COALESCE(TRY_CAST(rtrim(split_part(split_part(balanceext, ',', 5), ':', 2), '}') AS DECIMAL(18,2)),
                    0.00)
               + COALESCE(TRY_CAST(rtrim(split_part(split_part(balanceext, ',', 6), ':', 2), '}') AS DECIMAL(18,2)),
                    0.00)
               AS DECIMAL(18,2)) END AS balanceext_v,
           CASE WHEN regexp_like(skunum, '^[0-9]{1,9}$') THEN CAST(skunum AS BIGINT) END AS skunum_v,
           CASE WHEN regexp_like(skureturnnum, '^[0-9]{1,9}$') THEN CAST(skureturnnum AS BIGINT) END AS skureturnnum_v
    FROM (
      SELECT fetched_at, body_hash,
             NULLIF(NULLIF("modifyTime", '--'), '') AS modifytime, NULLIF(NULLIF("orderTime", '--'), '') AS ordertime,
             NULLIF(NULLIF("finishTime", '--'), '') AS finishtime, NULLIF(NULLIF("payMonth", '0'), '') AS paymonth,
             NULLIF(NULLIF("commissionRate", '--'), '') AS commissionrate,
             NULLIF(NULLIF("finalRate", '--'), '') AS finalrate,
             NULLIF(NULLIF("estimateCosPrice", '--'), '') AS estimatecosprice,
             NULLIF(NULLIF("estimateFee", '--'), '') AS estimatefee,
             NULLIF(NULLIF("actualCosPrice", '--'), '') AS actualcosprice,
             NULLIF(NULLIF("actualFee", '--'), '') AS actualfee, NULLIF(NULLIF("balanceExt", '{}'), '') AS balanceext,
             NULLIF(NULLIF("skuNum", '--'), '') AS skunum, NULLIF(NULLIF("skuReturnNum", '--'), '') AS skureturnnum,
             NULLIF(NULLIF(id, '--'), '') AS id, NULLIF(NULLIF("orderId", '--'), '') AS orderid,
             NULLIF(NULLIF("validCode", '--'), '') AS validcode, NULLIF(NULLIF("skuId", '--'), '') AS skuid,
             NULLIF(NULLIF("popId", '--'), '') AS popid, NULLIF(NULLIF(cid1, '--'), '') AS cid1,
             NULLIF(NULLIF("subUnionId", '--'), '') AS subunionid, NULLIF(NULLIF(ext1, '--'), '') AS ext1,
             NULLIF(NULLIF("positionId", '--'), '') AS positionid
      FROM raw_jd) s) p) m;
