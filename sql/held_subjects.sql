-- Which users, devices and order lines does risk control hold? The newest HOLD or RELEASE of a subject counts.
CREATE MATERIALIZED VIEW held_subjects
WITH (key = 'subject_type, subject_id')
AS SELECT subject_type, subject_id, rule, score, event_time AS held_since
FROM (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY subject_type, subject_id ORDER BY event_time DESC, signal_id DESC) AS rn
  FROM risk_signals s
  WHERE action IN ('HOLD', 'RELEASE')) d
WHERE rn = 1 AND action = 'HOLD';
