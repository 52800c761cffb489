-- Commission records of CJ (publisherCommissions), a record a commission and fetch, cut out of affiliate_raw by the
-- collector. A correction is a record of its own with signed amounts: the records of an action add up to its state.
-- Every field is text exactly as CJ wrote it; amounts are US dollars, times are UTC.
CREATE TABLE raw_cj (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  "commissionId"           VARCHAR NOT NULL, -- this record
  "original"               VARCHAR,          -- true: the action itself; false: a correction
  "originalActionId"       VARCHAR,          -- the line: all records of an action have it
  "orderId"                VARCHAR,          -- the order
  "actionStatus"           VARCHAR NOT NULL, -- NEW, EXTENDED (lock put off), LOCKED, CLOSED
  "validationStatus"       VARCHAR,          -- PENDING, ACCEPTED, DECLINED, AUTOMATED
  "correctionReason"       VARCHAR,
  "advertiserId"           VARCHAR,          -- merchant
  "shopperId"              VARCHAR,          -- our click
  "clickDate"              VARCHAR,
  "eventDate"              VARCHAR,          -- bought
  "postingDate"            VARCHAR,          -- the version of the line
  "lockingDate"            VARCHAR,          -- when the record is final
  "saleAmountUsd"          VARCHAR,
  "pubCommissionAmountUsd" VARCHAR
) WITH (topic = 'raw_cj', format = 'json');
