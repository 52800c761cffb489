-- expect: `public.orders` has several parts
-- at: 4:33
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE VIEW v AS SELECT id FROM public.orders;
