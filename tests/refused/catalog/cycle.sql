-- expect: views read each other in a cycle: b -> c -> d -> b
-- at: 4:32
CREATE VIEW a AS SELECT * FROM b;
CREATE VIEW b AS SELECT * FROM c;
CREATE VIEW c AS SELECT * FROM d;
CREATE VIEW d AS SELECT * FROM b;
