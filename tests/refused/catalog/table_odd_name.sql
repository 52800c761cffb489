-- expect: `a/b` cannot name a table or a view
-- at: 3:14
CREATE TABLE "a/b" (id VARCHAR);
