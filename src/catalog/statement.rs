//! From the text of a file to its statements: the text is cut at `;`, so that one syntax error does not hide the next.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::source::{Faults, SourceFile};

/// DataFusion's dialect.
pub(super) const DIALECT: GenericDialect = GenericDialect {};

/// One statement and the tokens that it was parsed from.
pub(super) struct Parsed {
    pub(super) statement: ast::Statement,
    pub(super) tokens: Tokens,
}

/// The tokens of one statement without white space and comments; never empty.
/// They give a place to what the parser keeps without one, such as column types and keywords.
pub(super) struct Tokens(Vec<TokenWithSpan>);

impl Tokens {
    /// The first token.
    pub(super) fn start(&self) -> Span {
        self.0[0].span
    }

    pub(super) fn whole(&self) -> Span {
        Span::new(self.0[0].span.start, self.0[self.0.len() - 1].span.end)
    }

    /// The first of these keywords after `from`; without one, the start of the statement.
    pub(super) fn keyword_after(&self, from: Location, keywords: &[Keyword]) -> Span {
        let matches = |token: &&TokenWithSpan| match &token.token {
            Token::Word(word) => token.span.start >= from && keywords.contains(&word.keyword),
            _ => false,
        };
        self.0.iter().find(matches).map_or(self.start(), |token| token.span)
    }

    /// The token that follows a place.
    pub(super) fn after(&self, place: Span) -> Span {
        self.0.iter().find(|token| token.span.start >= place.end).map_or(place, |token| token.span)
    }
}

/// The statements of a text; syntax errors become faults.
pub(super) fn parse(source: &SourceFile, faults: &mut Faults<'_>) -> Vec<Parsed> {
    let tokens = match Tokenizer::new(&DIALECT, &source.text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => {
            faults.invalid(one_character(error.location), syntax_message(&error.message));
            return vec![];
        }
    };
    let mut statements = vec![];
    for segment in tokens.split(|token| token.token == Token::SemiColon) {
        let significant: Vec<TokenWithSpan> =
            segment.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).cloned().collect();
        if significant.is_empty() {
            continue;
        }
        let tokens = Tokens(significant);
        match parse_one(segment) {
            Ok(statement) => statements.push(Parsed { statement, tokens }),
            Err(error) => note_syntax_error(&error, &tokens, faults),
        }
    }
    statements
}

fn parse_one(segment: &[TokenWithSpan]) -> Result<ast::Statement, ParserError> {
    let mut parser = Parser::new(&DIALECT).with_tokens_with_locations(segment.to_vec());
    let statement = parser.parse_statement()?;
    match parser.peek_token() {
        end if end.token == Token::EOF => Ok(statement),
        other => parser.expected("the end of the statement or `;`", other),
    }
}

fn note_syntax_error(error: &ParserError, tokens: &Tokens, faults: &mut Faults<'_>) {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => {
            faults.refused(tokens.start(), "this statement is nested too deeply").hint =
                Some("split it into views that read each other".to_string());
            return;
        }
    };
    let (message, location) = split_location(message);
    let place = match location {
        Some(location) => {
            let token = tokens.0.iter().find(|token| token.span.start == location);
            token.map_or(one_character(location), |token| token.span)
        }
        // The parser gives no place when the text ended too early.
        None => Span::new(tokens.whole().end, tokens.whole().end),
    };
    faults.invalid(place, syntax_message(message));
}

/// The parser writes the place into the message: `Expected: x, found: y at Line: 1, Column: 5`.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let parse = || {
        let (text, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((text, Location::new(line.parse().ok()?, column.parse().ok()?)))
    };
    match parse() {
        Some((text, location)) => (text, Some(location)),
        None => (message, None),
    }
}

fn syntax_message(message: &str) -> String {
    let message = message.replace("Expected: ", "expected ").replace(", found: ", ", found ");
    let message = message.strip_suffix("found EOF").map_or(message.clone(), |start| format!("{start}found the end"));
    let mut characters = message.chars();
    let first = characters.next().map(|c| c.to_ascii_lowercase());
    format!("syntax error: {}{}", first.map(String::from).unwrap_or_default(), characters.as_str())
}

fn one_character(start: Location) -> Span {
    Span::new(start, Location::new(start.line, start.column + 1))
}
