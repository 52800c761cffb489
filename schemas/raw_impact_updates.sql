-- Changes of actions of Impact (/ActionUpdates), a record an update and fetch: amounts are differences, the first
-- one of an action its whole. Cut out of affiliate_raw by the collector. Every field is text exactly as Impact wrote
-- it; times have their offset.
CREATE TABLE raw_impact_updates (
  fetch_id   VARCHAR      NOT NULL,   -- call that gave it; the body is in affiliate_raw
  body_hash  VARCHAR      NOT NULL,   -- SHA-256 of that body
  fetched_at TIMESTAMP(6) NOT NULL,   -- UTC, our clock
  "Id"          VARCHAR NOT NULL, -- this update
  "ActionId"    VARCHAR NOT NULL, -- the line
  "CampaignId"  VARCHAR,          -- merchant
  "State"       VARCHAR NOT NULL, -- PENDING, APPROVED, REVERSED, after the update
  "DeltaPayout" VARCHAR,          -- difference of the commission
  "DeltaAmount" VARCHAR,          -- difference of the sale
  "Payout"      VARCHAR,          -- commission after the update, a check
  "Currency"    VARCHAR,          -- ISO 4217
  "EventDate"   VARCHAR,          -- bought
  "UpdateDate"  VARCHAR,          -- the version of the line
  "LockingDate" VARCHAR,
  "ClearedDate" VARCHAR,
  "Oid"         VARCHAR,          -- the order
  "SubId1"      VARCHAR           -- our click
) WITH (topic = 'raw_impact_updates', format = 'json');
