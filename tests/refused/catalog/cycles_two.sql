-- expect: views read each other in a cycle: a -> b -> a
-- expect: views read each other in a cycle: c -> c
-- at: 4:32
CREATE VIEW a AS SELECT * FROM b;
CREATE VIEW b AS SELECT * FROM a;
CREATE VIEW c AS SELECT * FROM c;
