-- expect: option `key` is not a list of columns
-- at: 4:40
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE MATERIALIZED VIEW v WITH (key = 'id desc') AS SELECT id FROM orders;
