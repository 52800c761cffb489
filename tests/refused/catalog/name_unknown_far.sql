-- expect: `users` is neither a table nor a view
-- expect: the tables and views are: orders, v
-- at: 5:33
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS SELECT id FROM users;
