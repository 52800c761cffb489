-- expect: PREWHERE is not supported in a view
-- at: 4:40
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS SELECT id FROM orders PREWHERE n > 0;
