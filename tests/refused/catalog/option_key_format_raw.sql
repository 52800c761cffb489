-- expect: a raw key is one column; the primary key has 2
-- at: 3:78
CREATE TABLE t (a VARCHAR, b VARCHAR, PRIMARY KEY (a, b)) WITH (key_format = 'raw');
