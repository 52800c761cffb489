-- What does each inviter earn by whom he invited, and by whom those invited?
CREATE MATERIALIZED VIEW inviter_earnings
WITH (key = 'inviter_id, currency, tier')
AS SELECT inviter_id, currency, tier, COUNT(DISTINCT buyer_id) AS buyers, COUNT(*) AS lines,
       CAST(SUM(share) AS DECIMAL(28,2)) AS earned
FROM inviter_share
GROUP BY inviter_id, currency, tier;
