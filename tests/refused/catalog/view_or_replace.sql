-- expect: OR REPLACE is not supported in CREATE VIEW
-- at: 4:8
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE OR REPLACE VIEW v AS SELECT id FROM orders;
