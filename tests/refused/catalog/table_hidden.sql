-- expect: the name `_t` begins with `_`
-- at: 3:14
CREATE TABLE _t (id VARCHAR);
