//! Names: how they are compared, which ones may be defined, and which one was probably meant.

use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Spanned};
use datafusion::sql::sqlparser::tokenizer::{Span, Token, Tokenizer};

use super::source::Faults;
use super::statement::DIALECT;

/// The built-in one-row table that gives views the time.
pub const CLOCK: &str = "clock";

/// Names of tables and views become parts of paths and addresses.
const NAME_BYTES_MAX: usize = 128;

/// Lists in hints stop after this many names.
const LISTED_NAMES_MAX: usize = 20;

/// The name as it is compared: lower case, unless it was quoted.
pub(super) fn normalize(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// The one part of a name, or None when it has several (`schema.table`).
pub(super) fn single(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident),
        _ => None,
    }
}

/// The name that a CREATE statement defines, if it may be defined.
pub(super) fn defined(name: &ObjectName, faults: &mut Faults<'_>) -> Option<String> {
    let Some(ident) = single(name) else {
        faults.refused(name.span(), format!("`{name}` has several parts")).hint =
            Some("tables and views have plain names, without a schema".to_string());
        return None;
    };
    let text = normalize(ident);
    if text == CLOCK {
        faults.invalid(ident.span, format!("the name `{CLOCK}` is reserved")).hint =
            Some("it is the built-in table that gives views the time".to_string());
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(plain) {
        faults.invalid(ident.span, format!("`{text}` cannot name a table or a view")).hint =
            Some(format!("use letters, digits, `_` and `-`, at most {NAME_BYTES_MAX} of them"));
        return None;
    }
    not_hidden(&text, ident.span, faults).then_some(text)
}

/// Names that begin with `_` belong to the engine.
pub(super) fn not_hidden(name: &str, place: Span, faults: &mut Faults<'_>) -> bool {
    if !name.starts_with('_') {
        return true;
    }
    faults.invalid(place, format!("the name `{name}` begins with `_`")).hint =
        Some("such names are kept for metadata columns, like `_offset`".to_string());
    false
}

/// The names in a text like `user_id, "Shop"`; None when it is not such a list.
pub(super) fn parse_list(text: &str) -> Option<Vec<String>> {
    let tokens = Tokenizer::new(&DIALECT, text).tokenize().ok()?;
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let name = |tokens: &[Token]| match tokens {
        [Token::Word(word)] => Some(normalize(&word.clone().into_ident(Span::empty()))),
        _ => None,
    };
    tokens.split(|token| *token == Token::Comma).map(name).collect()
}

/// "did you mean" when one of the known names is near, else the list of them.
pub(super) fn suggestion<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let distance = |name: &str| levenshtein(wanted, name);
    let nearest = known.iter().copied().min_by_key(|name| distance(name));
    // A third of the letters may differ, and always one.
    match nearest.filter(|name| distance(name) <= (wanted.chars().count() / 3).max(1)) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => format!("the {what} are: {}", listed(&known)),
    }
}

/// Names separated by commas, cut after a while.
pub(super) fn listed(names: &[&str]) -> String {
    let shown = names[..names.len().min(LISTED_NAMES_MAX)].join(", ");
    match names.len().saturating_sub(LISTED_NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["rebate_line", "txn_latest"];
        assert_eq!(suggestion("rebate_lines", known, "views"), "did you mean `rebate_line`?");
        assert_eq!(suggestion("users", known, "views"), "the views are: rebate_line, txn_latest");
        assert_eq!(suggestion("users", [], "views"), "there are no views");
    }

    #[test]
    fn lists_follow_the_rules_of_identifiers() {
        assert_eq!(parse_list("User_Id , \"Shop, Name\""), Some(vec!["user_id".into(), "Shop, Name".into()]));
        assert_eq!(parse_list("a b"), None);
        assert_eq!(parse_list("a,"), None);
        assert_eq!(parse_list(""), None);
    }
}
