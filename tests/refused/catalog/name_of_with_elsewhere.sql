-- expect: `recent` is neither a table nor a view
-- at: 6:6
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS
SELECT * FROM (WITH recent AS (SELECT id FROM orders) SELECT * FROM recent) x
JOIN recent ON true;
