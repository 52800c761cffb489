-- expect: it can be 'count' or 'refuse'
-- at: 4:45
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE MATERIALIZED VIEW v WITH (on_error = 'skip') AS SELECT id FROM orders;
