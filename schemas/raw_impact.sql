-- Actions of Impact (/Mediapartners/{SID}/Actions), a record an action and fetch: its full state. Cut out of
-- affiliate_raw by the collector. Every field is text exactly as Impact wrote it; times have their offset.
CREATE TABLE raw_impact (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  "Id"            VARCHAR NOT NULL, -- the line
  "CampaignId"    VARCHAR,          -- merchant
  "State"         VARCHAR NOT NULL, -- PENDING, APPROVED, REVERSED
  "Payout"        VARCHAR,          -- our commission
  "Amount"        VARCHAR,          -- sale
  "Currency"      VARCHAR,          -- ISO 4217
  "EventDate"     VARCHAR,          -- bought
  "ReferringDate" VARCHAR,          -- clicked
  "CreationDate"  VARCHAR,
  "LockingDate"   VARCHAR,          -- when no more change comes
  "ClearedDate"   VARCHAR,          -- when it was paid out
  "Oid"           VARCHAR,          -- the order
  "SubId1"        VARCHAR,          -- our click
  "PromoCode"     VARCHAR
) WITH (topic = 'raw_impact', format = 'json');
