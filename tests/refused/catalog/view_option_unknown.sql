-- expect: unknown option `keys`
-- expect: the options are: key, history, on_error
-- at: 5:34
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE MATERIALIZED VIEW v WITH (keys = 'id') AS SELECT id FROM orders;
