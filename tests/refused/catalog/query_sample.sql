-- expect: TABLESAMPLE is not supported in a view
-- at: 4:56
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS SELECT id FROM (SELECT id FROM orders TABLESAMPLE BERNOULLI (10)) x;
