-- expect: `order` is neither a table nor a view
-- expect: did you mean `orders`?
-- at: 6:51
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS
SELECT id FROM orders WHERE id IN (SELECT id FROM "order");
