-- expect: options are given in WITH only
-- at: 3:37
CREATE TABLE t (a VARCHAR) OPTIONS (topic = 't');
