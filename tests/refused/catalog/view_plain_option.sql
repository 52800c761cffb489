-- expect: option `history` needs a materialized view
-- expect: write CREATE MATERIALIZED VIEW
-- at: 5:21
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v WITH (history = 'changes') AS SELECT id FROM orders;
