-- expect: the name `clock` is reserved
-- at: 3:14
CREATE TABLE Clock (as_of TIMESTAMP);
