-- expect: views read each other in a cycle: v -> v
-- at: 3:32
CREATE VIEW v AS SELECT * FROM v;
