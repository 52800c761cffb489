-- Which users were brought by themselves, by somebody whom they brought, or by somebody who clicks on the same
-- device? Such a pair earns an inviter's share from its own orders.
CREATE MATERIALIZED VIEW fraud_inviter_rings
WITH (key = 'user_id, inviter_id')
AS SELECT user_id, inviter_id, is_self, is_circle, shared_devices
FROM (
  SELECT u.user_id, u.inviter_id, u.inviter_id = u.user_id AS is_self,
         COALESCE(v.inviter_id = u.user_id AND v.user_id <> u.user_id, FALSE) AS is_circle,
         COALESCE(d.devices, 0) AS shared_devices
  FROM user_current u
  LEFT JOIN user_current v ON v.user_id = u.inviter_id
  LEFT JOIN (
    SELECT a.user_id AS user_a, b.user_id AS user_b, COUNT(*) AS devices
    FROM (SELECT DISTINCT user_id, device_id FROM clicks WHERE device_id IS NOT NULL) a
    JOIN (SELECT DISTINCT user_id, device_id FROM clicks WHERE device_id IS NOT NULL) b
      ON b.device_id = a.device_id AND b.user_id <> a.user_id
    GROUP BY a.user_id, b.user_id) d ON d.user_a = u.user_id AND d.user_b = u.inviter_id
  WHERE u.inviter_id IS NOT NULL) r
WHERE is_self OR is_circle OR shared_devices > 0;
