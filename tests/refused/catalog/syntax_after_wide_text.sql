-- expect: syntax error: expected
-- at: 3:48
CREATE VIEW v AS SELECT '返利' AS x FROM t WHERE ) ;
