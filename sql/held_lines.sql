-- Which order lines does risk control hold, as 'platform/line'?
CREATE VIEW held_lines AS SELECT subject_id AS line FROM held_subjects WHERE subject_type = 'LINE';
