-- expect: this statement defines neither a table nor a view
-- expect: write CREATE TABLE, CREATE VIEW or CREATE MATERIALIZED VIEW
-- at: 4:1
INSERT INTO t VALUES (1);
