-- expect: column `id` is twice in the key
-- at: 4:40
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE MATERIALIZED VIEW v WITH (key = 'id, ID') AS SELECT id FROM orders;
