-- expect: `orders` is defined twice
-- expect: tables and views share one set of names
-- at: 5:13
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW orders AS SELECT 1 AS x;
