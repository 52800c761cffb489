-- expect: GROUP BY ... WITH ROLLUP is not supported in a view
-- at: 4:67
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS SELECT id, COUNT(*) AS c FROM orders GROUP BY id WITH ROLLUP;
