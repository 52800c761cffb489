-- Lines of the networks' monthly statements: what they really pay. Sent by finance, a file at a time; a file that is
-- sent again repeats its lines with their numbers. Several lines for one order line are added up.
CREATE TABLE affiliate_statements (
  file_id         VARCHAR       NOT NULL,
  line_no         BIGINT        NOT NULL,   -- in the file
  platform        VARCHAR       NOT NULL,
  order_line_id   VARCHAR       NOT NULL,
  statement_month DATE          NOT NULL,   -- first day of the business month that is settled
  commission      DECIMAL(18,2) NOT NULL,   -- before the network's fee; negative: taken back
  currency        VARCHAR       NOT NULL,   -- ISO 4217
  PRIMARY KEY (file_id, line_no)
) WITH (topic = 'affiliate_statements', format = 'json');
