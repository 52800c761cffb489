-- Of which transactions of Awin do the commissions of the parts not add up to that of the whole? The whole counts.
CREATE MATERIALIZED VIEW awin_parts
WITH (key = 'order_line_id')
AS SELECT order_line_id, currency, commission, CAST(parts AS DECIMAL(18,2)) AS parts,
       CAST(parts - commission AS DECIMAL(18,2)) AS difference
FROM (
  SELECT t.order_line_id, t.currency, t.est_commission AS commission, SUM(p.part) AS parts
  FROM txn_latest t
  JOIN (
    SELECT id, body_hash, CAST(regexp_match(member, '^ *"?(-?[0-9]{1,15}([.][0-9]{1,2})?)')[1] AS DECIMAL(18,2)) AS part
    FROM (
      SELECT id, body_hash, unnest(string_to_array(list, '"commissionAmount":')) AS member
      FROM (
        SELECT DISTINCT "id" AS id, body_hash, regexp_replace("transactionParts", '"commissionAmount" +:',
             '"commissionAmount":',
                                                              'g') AS list
        FROM raw_awin) d) m
  ) p ON p.id = t.order_line_id AND p.body_hash = t.raw_ref
  WHERE t.platform = 'AWIN' AND p.part IS NOT NULL
  GROUP BY t.order_line_id, t.currency, t.est_commission) s
WHERE parts <> commission;
