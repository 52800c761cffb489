-- Transactions of Awin (GET /publishers/{id}/transactions/ with timezone=UTC, and the push), a record a transaction
-- and fetch, cut out of affiliate_raw by the collector. Every field is text exactly as Awin wrote it; members of an
-- object have its name before theirs (saleAmount_amount), a list is JSON. Amounts are units of their currency, times
-- are UTC.
CREATE TABLE raw_awin (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  "id"                         VARCHAR NOT NULL, -- the line
  "advertiserId"               VARCHAR,          -- merchant
  "orderRef"                   VARCHAR,          -- the order
  "commissionStatus"           VARCHAR NOT NULL, -- pending, approved, declined, deleted
  "saleAmount_amount"          VARCHAR,
  "saleAmount_currency"        VARCHAR,          -- ISO 4217
  "commissionAmount_amount"    VARCHAR,          -- the commission; the parts need not add up to it
  "commissionAmount_currency"  VARCHAR,          -- ISO 4217
  "clickRefs_clickRef"         VARCHAR,          -- our click
  "clickDate"                  VARCHAR,
  "transactionDate"            VARCHAR,
  "validationDate"             VARCHAR,
  "amended"                    VARCHAR,          -- true, false
  "amendReason"                VARCHAR,
  "declineReason"              VARCHAR,
  "oldCommissionAmount_amount" VARCHAR,          -- before the amendment
  "paidToPublisher"            VARCHAR,          -- true: we have the money
  "paymentId"                  VARCHAR,
  "transactionParts"           VARCHAR           -- JSON list of commission groups
) WITH (topic = 'raw_awin', format = 'json');
