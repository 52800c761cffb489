-- Order lines of Taobao (taobao.tbk.order.details.get), a record a line and fetch, cut out of affiliate_raw by the
-- collector. Every field is text exactly as Taobao wrote it. Amounts are yuan, rates are percent, times are Beijing
-- local time without a zone, '--' stands for nothing. Fields that are not listed are kept with the event.
CREATE TABLE raw_tbk (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  trade_id                     VARCHAR NOT NULL, -- the line (child order); the same line may come under two adzones
  trade_parent_id              VARCHAR,          -- the order
  tk_status                    VARCHAR NOT NULL, -- 11 unpaid, 12 paid, 14 received, 3 settled, 13 invalid
  item_id                      VARCHAR,
  item_num                     VARCHAR,          -- pieces
  item_category_name           VARCHAR,
  seller_shop_title            VARCHAR,          -- stands for the merchant: there is no other name of it
  click_time                   VARCHAR,
  tk_create_time               VARCHAR,          -- created, as tracked
  tb_paid_time                 VARCHAR,          -- paid, at the shop
  tk_paid_time                 VARCHAR,          -- paid, as tracked
  tk_earning_time              VARCHAR,          -- settled
  modified_time                VARCHAR,          -- the version of the line
  alipay_total_price           VARCHAR,          -- paid
  pay_price                    VARCHAR,          -- settled amount; of a partial refund lower
  total_commission_rate        VARCHAR,          -- percent
  tk_total_rate                VARCHAR,          -- percent, after our part of it
  pub_share_pre_fee            VARCHAR,          -- commission expected at payment
  pub_share_fee                VARCHAR,          -- commission in the end
  subsidy_fee                  VARCHAR,
  alimama_rate                 VARCHAR,          -- percent of the commission: the network's fee
  alimama_share_fee            VARCHAR,          -- that fee
  platform_special_service_fee VARCHAR,          -- a further fee
  refund_tag                   VARCHAR,          -- 1: there is a refund
  relation_id                  VARCHAR,          -- channel: stands for one of our users
  special_id                   VARCHAR,          -- member: stands for one of our users
  adzone_id                    VARCHAR,          -- promotion slot
  unid                         VARCHAR           -- free text of the link: our click
) WITH (topic = 'raw_tbk', format = 'json');
