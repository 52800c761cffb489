-- Refunds of Taobao (taobao.tbk.relation.refund), a record a refund and fetch, cut out of affiliate_raw by the
-- collector. Every field is text exactly as Taobao wrote it: yuan, Beijing local time, '--' for nothing.
CREATE TABLE raw_tbk_refunds (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  tb_trade_id                  VARCHAR NOT NULL, -- the line
  tb_trade_parent_id           VARCHAR,
  refund_status                VARCHAR NOT NULL, -- state; codes are in sql/tbk_refund.sql
  refund_fee                   VARCHAR,          -- what the buyer gets back
  tk_commission_fee_refund_pub VARCHAR,          -- commission that we give back
  tk_subsidy_fee_refund_pub    VARCHAR,          -- subsidy that we give back
  tk_refund_time               VARCHAR,          -- opened
  tk_refund_suit_time          VARCHAR,          -- done
  modified_time                VARCHAR           -- the version of the refund
) WITH (topic = 'raw_tbk_refunds', format = 'json');
