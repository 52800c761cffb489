-- expect: the name `_v` begins with `_`
-- at: 4:13
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW _v AS SELECT id FROM orders;
