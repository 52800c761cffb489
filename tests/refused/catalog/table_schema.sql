-- expect: `s.t` has several parts
-- at: 3:14
CREATE TABLE s.t (id VARCHAR);
