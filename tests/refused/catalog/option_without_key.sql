-- expect: option `deleted` needs a PRIMARY KEY
-- expect: the table is append-only
-- at: 4:45
CREATE TABLE t (a VARCHAR, b BOOLEAN) WITH (deleted = 'b');
