-- Orders of Pinduoduo (pdd.ddk.order.list.increment.get), a record an order and fetch, cut out of affiliate_raw by the
-- collector. Every field is text exactly as Pinduoduo wrote it. Amounts are fen, rates are per mille, times are seconds
-- since 1970-01-01 UTC.
CREATE TABLE raw_pdd (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  order_sn                 VARCHAR NOT NULL, -- the line
  order_status             VARCHAR NOT NULL, -- state; codes are in sql/pdd_report.sql
  order_create_time        VARCHAR,
  order_pay_time           VARCHAR,
  order_group_success_time VARCHAR,
  order_receive_time       VARCHAR,
  order_settle_time        VARCHAR,
  order_modify_at          VARCHAR,          -- the version of the line
  order_amount             VARCHAR,          -- paid
  goods_id                 VARCHAR,
  goods_quantity           VARCHAR,          -- pieces
  cat_ids                  VARCHAR,          -- categories, as JSON
  mall_id                  VARCHAR,          -- merchant
  promotion_rate           VARCHAR,          -- per mille
  promotion_amount         VARCHAR,          -- commission
  subsidy_amount           VARCHAR,
  price_compare_status     VARCHAR,          -- 1: bought after comparing prices, no commission
  fail_reason              VARCHAR,
  batch_no                 VARCHAR,          -- of the settlement
  p_id                     VARCHAR,          -- promotion slot
  custom_parameters        VARCHAR,          -- free text of the link: our click, alone or as {"uid":"..."}
  group_id                 VARCHAR
) WITH (topic = 'raw_pdd', format = 'json');
