//! The text of a query: exactly one SELECT, of bounded size.

use std::collections::VecDeque;

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};

/// Nesting of parentheses and subqueries.
const DEPTH_MAX: usize = 50;
/// Words and operators of a query, without literals and commas: each can deepen the tree that is walked recursively.
const TERMS_MAX: usize = 2_000;

/// Parses a query.
///
/// Errors: `Invalid` for anything but one SELECT (a WITH or VALUES is one too).
pub(super) fn parse(query: &str) -> Result<Statement> {
    check_size(query)?;
    let mut statements: VecDeque<Statement> = DFParserBuilder::new(query)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(DEPTH_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|e| Error::invalid(format!("the query cannot be parsed: {}", e.strip_backtrace())))?;
    let only_select = "send exactly one SELECT";
    match (statements.pop_front(), statements.is_empty()) {
        (None, _) => Err(Error::invalid("the query is empty").hint(only_select)),
        (Some(_), false) => Err(Error::invalid("the query has more than one statement").hint(only_select)),
        (Some(Statement::Statement(statement)), true) if matches!(*statement, SqlStatement::Query(_)) => {
            Ok(Statement::Statement(statement))
        }
        (Some(other), true) => {
            let text = other.to_string();
            let first = text.split_whitespace().next().unwrap_or_default().to_uppercase();
            Err(Error::invalid(format!("{first} is not a query")).hint(only_select))
        }
    }
}

fn check_size(query: &str) -> Result<()> {
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
    Ok(())
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
        let deep = format!("SELECT {}1{}", "(".repeat(500), ")".repeat(500));
        assert!(parse(&deep).is_err());
    }
}
