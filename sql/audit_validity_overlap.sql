-- Must be empty: two levels of a user, two multipliers of a level, two rates of an inviter's tier or of a currency
-- that are valid at the same time. A new row closes the one before.
CREATE MATERIALIZED VIEW audit_validity_overlap
WITH (key = 'kind, name')
AS SELECT kind, name, valid_from, valid_to, next_from
FROM (
  SELECT v.*, LEAD(valid_from) OVER (PARTITION BY kind, name ORDER BY valid_from) AS next_from
  FROM (
    SELECT 'USER_LEVEL' AS kind, user_id AS name, valid_from, valid_to FROM user_scd
    UNION ALL
    SELECT 'LEVEL', level, valid_from, valid_to FROM member_levels
    UNION ALL
    SELECT 'INVITER_RATE', CAST(tier AS VARCHAR), valid_from, valid_to FROM inviter_rates
    UNION ALL
    SELECT 'CURRENCY', currency, valid_from, valid_to FROM fx_rates) v) n
WHERE next_from < valid_to;
