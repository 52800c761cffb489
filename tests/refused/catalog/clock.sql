-- expect: reading `clock` is not supported yet
-- at: 4:51
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS SELECT id FROM orders CROSS JOIN clock;
