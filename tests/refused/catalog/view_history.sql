-- expect: it can be 'none' or 'changes'
-- at: 4:44
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE MATERIALIZED VIEW v WITH (history = 'all') AS SELECT id FROM orders;
