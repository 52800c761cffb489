-- Exchange rates. Sent by finance. Times are UTC.
CREATE TABLE fx_rates (
  currency    VARCHAR       NOT NULL,   -- ISO 4217
  valid_from  TIMESTAMP(6)  NOT NULL,   -- first instant
  valid_to    TIMESTAMP(6)  NOT NULL,   -- first instant after
  version     BIGINT        NOT NULL,   -- of this row; the greatest counts
  rate_to_cny DECIMAL(18,8) NOT NULL,   -- yuan for one unit
  PRIMARY KEY (currency, valid_from)
) WITH (topic = 'fx_rates', format = 'json', version = 'version');
