-- expect: syntax error: unterminated string literal
-- at: 4:10
CREATE VIEW v AS
  SELECT 'open FROM t;
