-- expect: topic 'orders' belongs to table `orders` already
-- expect: a topic is one table
-- at: 5:14
CREATE TABLE orders (id VARCHAR, n BIGINT);
CREATE TABLE returns (id VARCHAR) WITH (topic = 'orders');
