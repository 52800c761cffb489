-- kind: Refused
-- error: a WITH inside another gives the name q again
-- hint: give it another name
-- at: WITH q AS (SELECT k FROM t) SELECT k FROM (WITH q AS (SELECT k FROM t) SELECT k FROM q) z
CREATE TABLE t (k VARCHAR, v BIGINT) WITH (topic = 't');
CREATE MATERIALIZED VIEW r AS WITH q AS (SELECT k FROM t) SELECT k FROM (WITH q AS (SELECT k FROM t) SELECT k FROM q) z;
