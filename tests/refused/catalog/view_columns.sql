-- expect: a view has no column list
-- expect: SELECT x AS a
-- at: 5:16
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v (a) AS SELECT id FROM orders;
