//! DataFusion's errors in plain words, each with a place.
//!
//! ```text
//! Error during planning: Function 'replace' expects 3 arguments but received 2. No function matches ...
//!     replace expects 3 arguments but received 2          at the call     hint: it is replace(String, String, String)
//! ```
//! What DataFusion has not implemented is `Refused`; everything else that it says of a query is `Invalid`.

use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Spanned, TableFactor};
use datafusion::sql::sqlparser::tokenizer::{Location, Span};

use super::places;
use crate::catalog::View;
use crate::error::{Diagnostic, Error, ErrorKind};

/// What an error says, and where.
struct Said {
    kind: ErrorKind,
    span: Span,
    message: String,
    hint: Option<String>,
}

/// An error of DataFusion, at the place that it names.
pub fn at_place(view: &View, error: DataFusionError) -> Error {
    let said = match error.diagnostic() {
        Some(found) => of_diagnostic(view, found),
        None => of_error(view, &error),
    };
    Error::from_diagnostics(vec![diagnostic(view, said)])
}

/// An error about a view as a whole, at the name of its first words.
pub fn in_view(view: &View, error: Error) -> Error {
    if !error.diagnostics.is_empty() || error.kind == ErrorKind::Internal {
        return error;
    }
    let said = match error.hint {
        Some(hint) => {
            let span = if error.message.contains("subquery") { places::subquery(view) } else { view.query.span() };
            Said { kind: error.kind, span, message: error.message, hint: Some(hint) }
        }
        None => of_text(view, &error.message, error.kind),
    };
    Error::from_diagnostics(vec![diagnostic(view, said)])
}

fn diagnostic(view: &View, said: Said) -> Diagnostic {
    let mut diagnostic = view.source.diagnostic(said.kind, said.span, said.message);
    diagnostic.hint = said.hint;
    diagnostic
}

/// The error that the others are about.
fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(error, root),
        other => other,
    }
}

/// An error that has a place.
fn of_diagnostic(view: &View, found: &datafusion::common::Diagnostic) -> Said {
    let place = |line: u64, column: u64| Location::new(line, column);
    let span = found.span.map_or(view.query.span(), |span| {
        Span::new(place(span.start.line, span.start.column), place(span.end.line, span.end.column))
    });
    let words = found.helps.iter().map(|h| &h.message).chain(found.notes.iter().map(|n| &n.message));
    let words: Vec<String> = words.map(|w| lower_first(w)).collect();
    let stripped = |prefix: &str| words.iter().filter_map(|w| w.strip_prefix(prefix)).collect::<Vec<&str>>();
    let mut message = lower_first(&found.message);
    let mut hint = (!words.is_empty()).then(|| words.join("; "));
    if let Some(name) = message.strip_prefix("invalid function ") {
        let name = name.trim_matches('\'').to_string();
        let near = stripped("possible function ");
        let near = near.first().map_or("", |near| near.trim_matches('\''));
        // The nearest of many that are far is none, and not always the same.
        let is_near = levenshtein(&name, near) <= (name.len() / 3).max(1);
        hint =
            Some(if is_near { format!("did you mean {near}?") } else { "the functions are DataFusion's".to_string() });
        message = format!("there is no function {name}");
    } else if let [left, right] = stripped("has type ").as_slice() {
        if left == right {
            message = format!("this operator does not take {}", sql_type(left));
            hint = Some("AND and OR take conditions, arithmetic takes numbers".to_string());
        } else {
            message = format!("{} and {} do not go together", sql_type(left), sql_type(right));
            hint = Some("cast one of them: CAST(... AS ...)".to_string());
        }
    } else if let [left, right] = stripped("this side has ").as_slice() {
        let number = |text: &str| text.split(' ').next().unwrap_or_default().to_string();
        let set = message.split(' ').next().unwrap_or_default().to_uppercase();
        message = format!("{set} needs as many columns on both sides");
        hint = Some(format!("the left has {}, the right has {}", number(left), number(right)));
    } else if message.starts_with("too many columns") {
        message = "a subquery that stands for one value has several columns".to_string();
        hint = Some("select one column in it".to_string());
    } else if message.ends_with("because it's not an aggregate expression") {
        let column = message.split('\'').nth(1).unwrap_or_default();
        hint = Some(format!("add {column} to GROUP BY, or take one value of it, such as MAX({column})"));
        message = format!("{column} is neither in GROUP BY nor in an aggregate");
    }
    if let Some((column, relation)) = message.split_once(" not found in ")
        && places::is_beside(view, span, relation.trim_matches('\''))
    {
        hint = Some("select what it compares, and compare it in ON: JOIN (SELECT ...) q ON q.a = t.b".to_string());
        let column = column.trim_start_matches("column ").trim_matches('\'');
        let relation = relation.trim_matches('\'');
        message = format!("a subquery in FROM cannot read {relation}.{column} of the relation beside it");
        return Said { kind: ErrorKind::Invalid, span, message, hint };
    }
    if hint.is_none() && message.contains("not found") {
        hint = Some("name a column of what FROM reads".to_string());
    }
    let near = stripped("possible column ");
    if !near.is_empty() {
        hint = Some(format!("did you mean {}?", near.join(" or ")));
    }
    Said { kind: ErrorKind::Invalid, span, message: sql_type(&message), hint: hint.map(|hint| sql_type(&hint)) }
}

/// An error without a place.
fn of_error(view: &View, error: &DataFusionError) -> Said {
    let root = root(error);
    let kind = match root {
        DataFusionError::NotImplemented(_) | DataFusionError::Internal(_) => ErrorKind::Refused,
        _ => ErrorKind::Invalid,
    };
    of_text(view, &root.strip_backtrace(), kind)
}

fn of_text(view: &View, raw: &str, kind: ErrorKind) -> Said {
    let text = cut(raw);
    let said = |span, message: String, hint: &str| Said { kind, span, message, hint: Some(hint.to_string()) };
    let whole = view.query.span();
    if let Some(found) = function_call(view, raw) {
        return found;
    }
    if text.contains("__correlated_sq") || text.contains("__scalar_sq") {
        return Said {
            kind: ErrorKind::Refused,
            ..said(places::subquery(view), "this subquery is not maintained".to_string(), "write it as a join")
        };
    }
    if let Some(found) = derived_of_outer(view, &text) {
        return found;
    }
    if let Some((_, found)) =
        text.split_once("non-boolean predicate").and_then(|(_, rest)| rest.rsplit_once("returning "))
    {
        let span = places::clause(view, |select| select.selection.as_ref().map(Spanned::span));
        return said(
            span,
            format!("WHERE needs a condition, and this is {}", sql_type(found)),
            "compare it with something",
        );
    }
    if let Some((_, found)) = text.split_once("Join condition must be boolean type, but got ") {
        return said(whole, format!("ON needs a condition, and this is {}", sql_type(found)), "write ON a.k = b.k");
    }
    if text.contains("Physical plan does not support")
        || text.contains("Unsupported ast node")
        || text.contains("Span(")
    {
        let message = "an expression of this query is not maintained".to_string();
        let hint = "write it another way: in parts, or with other functions";
        return Said { kind: ErrorKind::Refused, ..said(whole, message, hint) };
    }
    if let Some(found) = of_known(view, &text, kind) {
        return found;
    }
    Said { kind, span: whole, message: lower_first(&sql_type(&text)), hint: None }
}

/// A subquery in FROM that reads a column of an outer row: DataFusion moves its condition outside, where only what it
/// selects is known.
fn derived_of_outer(view: &View, text: &str) -> Option<Said> {
    let (span, column) = if let Some(name) = text.strip_prefix("No field named ") {
        let (relation, column) = name.split(". ").next()?.trim_end_matches('.').split_once('.')?;
        (places::derived_in_subquery(view, Some(relation))?, column)
    } else {
        let rest = text.strip_prefix("Schema contains qualified field name ")?;
        let (_, column) = rest.split(' ').next()?.rsplit_once('.')?;
        (places::derived_in_subquery(view, None)?, column)
    };
    let message = format!("a subquery in FROM that compares {column} with an outer row does not select {column}");
    let hint = format!("select {column} in it, with GROUP BY {column} if it has aggregates; or write a join");
    Some(Said { kind: ErrorKind::Refused, span, message, hint: Some(hint) })
}

/// Errors whose words are not those of an analyst.
fn of_known(view: &View, text: &str, kind: ErrorKind) -> Option<Said> {
    let derived = || {
        places::clause(view, |select| {
            let relations = select.from.iter().map(|from| &from.relation);
            let mut named =
                relations.filter(|r| matches!(r, TableFactor::Derived { alias: Some(a), .. } if !a.columns.is_empty()));
            named.next().map(Spanned::span)
        })
    };
    let (span, message, hint) = if let Some(rest) = text.strip_prefix("Source table contains ") {
        let numbers: Vec<&str> = rest.split(' ').filter(|w| w.parse::<u32>().is_ok()).collect();
        let [columns, names] = numbers.as_slice() else { return None };
        (derived(), format!("{names} names are given to {columns} columns"), "name each column once, or none")
    } else if text.contains("must be aggregated to return at most one row") {
        let message = "a subquery that stands for one value may have several rows".to_string();
        (places::subquery(view), message, "make it one with an aggregate, such as MAX")
    } else if text.contains("A GROUP BY clause in a scalar correlated subquery") {
        let message = "a subquery that stands for one value may have several rows".to_string();
        (places::subquery(view), message, "leave its GROUP BY out, or group by the columns that it compares")
    } else if let Some((_, place)) = text.split_once(" can't cast to ") {
        let compares = if place.ends_with("InSubquery") { "IN compares" } else { "ANY and ALL compare" };
        let message = format!("{compares} values of two types that do not go together");
        (places::subquery(view), message, "cast one of them")
    } else if text.contains("Unnest should be rewritten") {
        let message = "UNNEST stands where it is not maintained".to_string();
        let hint = "write it in the SELECT of an inner query: FROM (SELECT UNNEST(...) AS x ...)";
        return Some(Said {
            kind: ErrorKind::Refused,
            span: places::function(view, "unnest"),
            message,
            hint: Some(hint.into()),
        });
    } else if text.contains("to grouping function") {
        let span = places::function(view, "grouping");
        (span, "GROUPING takes columns of the GROUP BY".to_string(), "name one of them")
    } else if text.starts_with("No field named ") {
        let name = text.trim_start_matches("No field named ").split(". ").next().unwrap_or_default();
        let name = name.lines().next().unwrap_or_default().trim_end_matches('.');
        (view.query.span(), format!("column '{name}' not found"), "name a column of what FROM reads")
    } else if text.contains("THEN") || text.contains("common types in CASE") {
        (
            view.query.span(),
            "the branches of a CASE have types that do not go together".to_string(),
            "cast them to one type",
        )
    } else {
        return of_clause(view, text, kind);
    };
    Some(Said { kind, span, message, hint: Some(hint.to_string()) })
}

/// Errors of one clause or one function.
fn of_clause(view: &View, text: &str, kind: ErrorKind) -> Option<Said> {
    let whole = view.query.span();
    let having = || places::clause(view, |select| select.having.as_ref().map(Spanned::span));
    let (kind, span, message, hint) = if text.starts_with("HAVING clause references") {
        let message = "HAVING reads a column that is neither in GROUP BY nor in an aggregate";
        (kind, having(), message.to_string(), "add it to GROUP BY, or write the condition into WHERE")
    } else if text.starts_with("Schema contains duplicate unqualified field name") {
        let message = "two expressions are the same but for a CAST".to_string();
        (ErrorKind::Refused, whole, message, "cast in an inner query: FROM (SELECT CAST(x AS ...) AS y ...)")
    } else if let Some((_, rest)) = text.split_once("rojections require unique expression names but the expression \"")
    {
        let name = rest.split('"').next().unwrap_or_default();
        let name = name.rsplit_once('.').map_or(name, |(_, name)| name).trim_end_matches(')');
        if let Some((name, _)) = name.split_once(" AS ") {
            let message =
                format!("IN with another type than that of {name}, which the subquery compares with the outer row");
            let hint = "write EXISTS (SELECT 1 ... WHERE a = b AND ...)";
            return Some(Said {
                kind: ErrorKind::Refused,
                span: places::subquery(view),
                message,
                hint: Some(hint.to_string()),
            });
        }
        (kind, whole, format!("two columns are named {name}"), "give one an alias")
    } else if let Some(name) = text.strip_prefix("WITH query name \"").and_then(|rest| rest.split('"').next()) {
        let message = format!("a WITH inside another gives the name {name} again");
        (ErrorKind::Refused, whole, message, "give it another name")
    } else if text.contains("Nth value indices are 1 based") {
        (kind, places::function(view, "nth_value"), "NTH_VALUE counts from 1".to_string(), "write 1 for the first row")
    } else if text.starts_with("There is only support Literal types") || text.starts_with("nth_value not supported") {
        let message = "the distance of LAG and LEAD and the number of NTILE and NTH_VALUE are constants".to_string();
        (ErrorKind::Refused, whole, message, "write the number itself")
    } else if text.starts_with("ANY in LIKE") {
        (kind, whole, "LIKE ANY is not maintained".to_string(), "write one LIKE for each pattern, put together by OR")
    } else if text.starts_with("Cannot access field") {
        let message = "[...] and .name take a list, a struct or a map".to_string();
        (kind, whole, message, "text is cut by substr(...), JSON in it is not read")
    } else if let Some(rest) = text.strip_prefix("Cannot get result type for temporal operation ") {
        let operation = sql_type(rest.split(": ").next().unwrap_or(rest));
        (kind, whole, format!("there is no {operation}"), "add and subtract times and intervals, or cast to a number")
    } else if text.starts_with("Cannot cast") || text.starts_with("Error parsing") {
        (kind, whole, lower_first(&sql_type(text)), "a value that may not fit is cast by TRY_CAST, which gives NULL")
    } else if kind == ErrorKind::Refused {
        let message = format!("not maintained: {}", lower_first(&sql_type(text)));
        (kind, whole, message, "write it another way, or in parts")
    } else {
        return None;
    };
    Some(Said { kind, span, message, hint: Some(hint.to_string()) })
}
/// `... No function matches the given name and argument types 'abs(Int64, Int64)'. ... Candidate functions:\n\tabs(...)`
fn function_call(view: &View, text: &str) -> Option<Said> {
    let (before, rest) = text.split_once("No function matches the given name and argument types '")?;
    let (call, rest) = rest.split_once("'.")?;
    let (name, types) = call.split_once('(')?;
    let forms = rest.split_once("Candidate functions:").map_or("", |(_, forms)| forms);
    let forms: Vec<&str> =
        forms.lines().map(str::trim).filter(|f| !f.is_empty() && !f.contains("UserDefined")).collect();
    let counts = before.split_once("' expects ").and_then(|(_, rest)| rest.split_once(". "));
    let message = match counts {
        Some((counts, _)) => format!("{name} expects {}", counts.split(',').next().unwrap_or(counts)),
        None => format!("{name} does not take ({}", sql_type(types)),
    };
    let hint = match forms.is_empty() {
        true => "cast the arguments to types that it takes".to_string(),
        false => format!("it is {}", forms.join(" or ")),
    };
    Some(Said { kind: ErrorKind::Invalid, span: places::function(view, name), message, hint: Some(hint) })
}

/// What is said, without which step of which library says it.
fn cut(text: &str) -> String {
    let mut text = text.split("\nThis issue was likely caused by").next().unwrap_or(text);
    loop {
        let before = text;
        for step in [
            "Error during planning: ",
            "This feature is not implemented: ",
            "Schema error: ",
            "Execution error: ",
            "Arrow error: ",
            "Parser error: ",
            "Cast error: ",
            "External error: ",
            "Internal error: ",
            "Invalid argument error: ",
        ] {
            text = text.strip_prefix(step).unwrap_or(text);
        }
        if let Some((_, cause)) = text.rsplit_once("caused by\n") {
            text = cause;
        }
        if text == before {
            return text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_string();
        }
    }
}

/// Names of types as SQL writes them.
fn sql_type(text: &str) -> String {
    let names = [
        ("LargeUtf8", "VARCHAR"),
        ("Utf8View", "VARCHAR"),
        ("Utf8", "VARCHAR"),
        ("Timestamp(µs)", "TIMESTAMP(6)"),
        ("Timestamp(ns)", "TIMESTAMP(9)"),
        ("Boolean", "BOOLEAN"),
        ("Decimal128", "DECIMAL"),
        ("Decimal256", "DECIMAL"),
        ("Date32", "DATE"),
        ("Float64", "DOUBLE"),
        ("Interval(MonthDayNano)", "INTERVAL"),
    ];
    let text = names.iter().fold(text.to_string(), |text, (arrow, sql)| text.replace(arrow, sql));
    // `Int64(1)` is a value.
    text.replace("Int64(", "(").replace("UInt64", "BIGINT").replace("Int64", "BIGINT").replace("Int32", "INT")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    // INTERSECT stays INTERSECT.
    if chars.clone().next().is_some_and(char::is_uppercase) {
        return text.to_string();
    }
    first.to_lowercase().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Definition, SourceFile, parse_definitions};

    fn view() -> View {
        let text = "CREATE MATERIALIZED VIEW v AS SELECT k FROM t WHERE k IN (SELECT k FROM u);";
        let definitions = parse_definitions(&SourceFile::new("v.sql", text)).expect("it is SQL");
        match definitions.into_iter().next() {
            Some(Definition::View(view)) => view,
            other => panic!("a view, not {other:?}"),
        }
    }

    fn placed(error: &Error) -> Vec<(ErrorKind, &str, &str)> {
        error.diagnostics.iter().map(|d| (d.kind, d.message.as_str(), &d.text[d.span.clone()])).collect()
    }

    #[test]
    fn columns_of_subqueries_that_datafusion_names_are_not_said() {
        for name in ["__correlated_sq_1", "__scalar_sq_1"] {
            let error = at_place(&view(), DataFusionError::Plan(format!("No field named {name}.k")));
            let said = (ErrorKind::Refused, "this subquery is not maintained", "SELECT k FROM u");
            assert_eq!(placed(&error), [said], "{name}");
        }
    }

    #[test]
    fn errors_with_a_place_and_internal_ones_are_left_alone() {
        let internal = in_view(&view(), Error::internal("a fault"));
        assert_eq!((internal.kind, placed(&internal)), (ErrorKind::Internal, vec![]));
        let said =
            || Said { kind: ErrorKind::Invalid, span: places::subquery(&view()), message: "no".into(), hint: None };
        let error = in_view(&view(), Error::from_diagnostics(vec![diagnostic(&view(), said())]));
        assert_eq!(placed(&error), [(ErrorKind::Invalid, "no", "SELECT k FROM u")]);
    }

    #[test]
    fn every_step_of_a_library_is_cut_off() {
        assert_eq!(cut("Execution error: Error during planning: it does not fit"), "it does not fit");
    }
}
