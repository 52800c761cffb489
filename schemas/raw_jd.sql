-- Order lines of JD (jd.union.open.order.row.query), a record a line and fetch, cut out of affiliate_raw by the
-- collector. Every field is text exactly as JD wrote it. Amounts are yuan, rates are percent, times are Beijing
-- local time.
CREATE TABLE raw_jd (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  "id"               VARCHAR NOT NULL, -- the line: order and SKU
  "orderId"          VARCHAR,          -- the order
  "parentId"         VARCHAR,          -- of a split order: the order before
  "orderTime"        VARCHAR,
  "finishTime"       VARCHAR,          -- received
  "modifyTime"       VARCHAR,          -- the version of the line
  "validCode"        VARCHAR NOT NULL, -- state and, of an invalid line, its reason; codes are in sql/jd_report.sql
  "skuId"            VARCHAR,
  "skuNum"           VARCHAR,          -- pieces
  "skuReturnNum"     VARCHAR,          -- pieces sent back
  "popId"            VARCHAR,          -- merchant; 0: JD's own shop
  "cid1"             VARCHAR,          -- category
  "commissionRate"   VARCHAR,          -- percent
  "finalRate"        VARCHAR,          -- percent of the commission that is ours
  "estimateCosPrice" VARCHAR,          -- amount expected
  "estimateFee"      VARCHAR,          -- commission expected
  "actualCosPrice"   VARCHAR,          -- amount in the end
  "actualFee"        VARCHAR,          -- commission in the end
  "payMonth"         VARCHAR,          -- yyyyMMdd of the settlement; 0: unknown
  "balanceExt"       VARCHAR,          -- settled by day, as {20191020:10,20191120:-2}
  "subUnionId"       VARCHAR,          -- free text of the link: our click
  "ext1"             VARCHAR,          -- the same, of another interface
  "positionId"       VARCHAR           -- promotion slot
) WITH (topic = 'raw_jd', format = 'json');
