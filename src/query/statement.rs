//! The text of a query: exactly one SELECT, of bounded size.

use std::collections::{HashMap, VecDeque};

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::catalog::name_branches;
use crate::error::{Error, Result};
use crate::planner::check_size;

/// Parentheses, brackets and CASEs within one another. The parser tries some of them (CASE, CAST, POSITION) in two or
/// three ways, so a fault inside costs two or three times as much for each level around it.
const NESTING_MAX: usize = 12;
/// The parser's own measure of recursion, which counts more than the nesting that is written.
const RECURSION_MAX: usize = 50;
/// Words and operators of a query, without literals and commas: each can deepen the tree that is walked recursively.
const TERMS_MAX: usize = 2_000;

/// Parses a query.
///
/// Errors: `Invalid` for anything but one SELECT (a WITH or VALUES is one too).
pub(super) fn parse(query: &str) -> Result<Statement> {
    check_text(query)?;
    let mut statements: VecDeque<Statement> = DFParserBuilder::new(query)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(RECURSION_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|e| Error::invalid(format!("the query cannot be parsed: {}", e.strip_backtrace())))?;
    let only_select = "send exactly one SELECT";
    match (statements.pop_front(), statements.is_empty()) {
        (None, _) => Err(Error::invalid("the query is empty").hint(only_select)),
        (Some(_), false) => Err(Error::invalid("the query has more than one statement").hint(only_select)),
        (Some(Statement::Statement(mut statement)), true) if matches!(*statement, SqlStatement::Query(_)) => {
            if let SqlStatement::Query(query) = &mut *statement {
                check_size(query, &HashMap::new())?;
                name_branches(query);
            }
            Ok(Statement::Statement(statement))
        }
        (Some(other), true) => {
            let text = other.to_string();
            let first = text.split_whitespace().next().unwrap_or_default().to_uppercase();
            Err(Error::invalid(format!("{first} is not a query")).hint(only_select))
        }
    }
}

fn check_text(query: &str) -> Result<()> {
    let tokens = Tokenizer::new(&GenericDialect {}, query)
        .tokenize()
        .map_err(|e| Error::invalid(format!("the query cannot be parsed: {e}")))?;
    let flat = |token: &&Token| {
        !matches!(
            token,
            Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) | Token::SemiColon
        )
    };
    let terms = tokens.iter().filter(flat).count();
    if terms > TERMS_MAX {
        let message = format!("the query has {terms} words and operators, the limit is {TERMS_MAX}");
        return Err(Error::invalid(message).hint("use IN (...) in place of many ORs, or several queries"));
    }
    if nesting(&tokens) > NESTING_MAX {
        let message = format!("the query is nested more than {NESTING_MAX} levels deep");
        return Err(Error::invalid(message).hint("name the inner parts with WITH"));
    }
    Ok(())
}

/// The deepest nesting. An INTERVAL counts until its value comes.
fn nesting(tokens: &[Token]) -> usize {
    let (mut depth, mut intervals, mut deepest) = (0_usize, 0_usize, 0);
    for token in tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Word(word) if word.keyword == Keyword::CASE => depth += 1,
            Token::Word(word) if word.keyword == Keyword::END => depth = depth.saturating_sub(1),
            Token::Word(word) if word.keyword == Keyword::INTERVAL => intervals += 1,
            Token::SingleQuotedString(_) | Token::Number(..) => intervals = 0,
            _ => {}
        }
        deepest = deepest.max(depth + intervals);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_select_and_nothing_else() {
        for query in ["SELECT 1", "select 1;", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "(SELECT 1)"] {
            assert!(parse(query).is_ok(), "{query}");
        }
        for (query, message) in [
            ("", "the query is empty"),
            (" ; ", "the query is empty"),
            ("SELECT 1; SELECT 2", "the query has more than one statement"),
            ("CREATE TABLE a (b INT)", "CREATE is not a query"),
            ("COPY (SELECT 1) TO '/tmp/x.csv'", "COPY is not a query"),
            ("SET x = 1", "SET is not a query"),
            ("RESET x", "RESET is not a query"),
            ("EXPLAIN SELECT 1", "EXPLAIN is not a query"),
            ("INSERT INTO a VALUES (1)", "INSERT is not a query"),
            ("SHOW TABLES", "SHOW is not a query"),
        ] {
            assert_eq!(parse(query).expect_err(query).message, message);
        }
        assert!(parse("SELEC 1").expect_err("wrong").message.starts_with("the query cannot be parsed: "));
    }

    #[test]
    fn the_size_is_bounded() {
        let long_list = format!("SELECT 1 IN ({})", vec!["5"; 20_000].join(","));
        assert!(parse(&long_list).is_ok());
        let long_sum = format!("SELECT 1{}", "+1".repeat(TERMS_MAX));
        assert_eq!(
            parse(&long_sum).expect_err("too long").message,
            "the query has 2001 words and operators, the limit is 2000"
        );
        for (open, close) in [("(", ")"), ("CASE WHEN true THEN ", " END"), ("CAST(", " AS INT)"), ("INTERVAL ", "")] {
            let nested = |levels: usize| format!("SELECT {}'1'{}", open.repeat(levels), close.repeat(levels));
            let too_deep = parse(&nested(NESTING_MAX + 1)).expect_err("too deep");
            assert_eq!(too_deep.message, "the query is nested more than 12 levels deep", "{open}");
            let deep_enough = parse(&nested(NESTING_MAX)).err().map_or(String::new(), |e| e.message);
            assert!(!deep_enough.contains("nested"), "{open}: {deep_enough}");
        }
        let flat = "SELECT CASE WHEN a THEN b END, INTERVAL '1' DAY, CAST(c AS INT), ".repeat(100) + "1";
        assert!(!parse(&flat).err().map_or(String::new(), |e| e.message).contains("nested"));
    }
}
