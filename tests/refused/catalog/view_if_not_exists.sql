-- expect: IF NOT EXISTS is not supported in CREATE VIEW
-- at: 4:13
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW IF NOT EXISTS v AS SELECT id FROM orders;
