//! Checks definitions against each other: names, topics, what views read, and their order.

use std::collections::HashMap;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

use super::definition::Definition;
use super::names::{self, CLOCK};
use super::relations;
use super::source::SourceFile;
use super::statement::DIALECT;
use super::view::View;
use crate::error::{Diagnostic, ErrorKind};

/// A definition and where it was written.
pub(super) struct Placed {
    pub(super) definition: Definition,
    pub(super) source: SourceFile,
}

/// What the catalog holds already, or what is known to exist in files that could not be read.
#[derive(Default)]
pub(super) struct Known {
    /// Names of tables and views.
    pub(super) names: Vec<String>,
    /// From topic to table.
    pub(super) topics: HashMap<String, String>,
}

/// All faults among the definitions, given what is known.
pub(super) fn check(placed: &[Placed], known: &Known) -> Vec<Diagnostic> {
    let mut found = check_unique(placed, known);
    let mut names: Vec<&str> = known.names.iter().map(String::as_str).collect();
    names.extend(placed.iter().map(|placed| placed.definition.name()));
    for placed in placed {
        if let Definition::View(view) = &placed.definition {
            check_reads(view, &names, &mut found);
        }
    }
    if found.is_empty() {
        check_cycles(&views(placed), &mut found);
    }
    found
}

/// The views of the definitions, those that are read before those that read them, otherwise in the given order.
/// Views of a cycle are left out.
pub(super) fn in_dependency_order<'a>(views: &[&'a View]) -> Vec<&'a View> {
    let mut waiting = views.to_vec();
    let mut ordered = vec![];
    let is_ready = |view: &View, waiting: &[&View]| !waiting.iter().any(|other| view.reads.contains(&other.name));
    while let Some(position) = waiting.iter().position(|view| is_ready(view, &waiting)) {
        ordered.push(waiting.remove(position));
    }
    ordered
}

fn views(placed: &[Placed]) -> Vec<&View> {
    placed
        .iter()
        .filter_map(|placed| match &placed.definition {
            Definition::View(view) => Some(view),
            Definition::Table(_) => None,
        })
        .collect()
}

fn check_unique(placed: &[Placed], known: &Known) -> Vec<Diagnostic> {
    let mut found = vec![];
    let mut names: Vec<&str> = known.names.iter().map(String::as_str).collect();
    let mut topics: HashMap<&str, &str> = known.topics.iter().map(|(topic, table)| (&**topic, &**table)).collect();
    for placed in placed {
        let (name, source) = (placed.definition.name(), &placed.source);
        if names.contains(&name) {
            let message = format!("`{name}` is defined twice");
            let mut diagnostic = source.diagnostic(ErrorKind::Invalid, place_of_name(source, name), message);
            diagnostic.hint = Some("tables and views share one set of names".to_string());
            found.push(diagnostic);
            continue;
        }
        names.push(name);
        let Definition::Table(table) = &placed.definition else {
            continue;
        };
        if let Some(other) = topics.insert(&table.topic, name) {
            let message = format!("topic '{}' belongs to table `{other}` already", table.topic);
            let mut diagnostic = source.diagnostic(ErrorKind::Invalid, place_of_name(source, name), message);
            diagnostic.hint = Some("a topic is one table; write a view for another shape of it".to_string());
            found.push(diagnostic);
        }
    }
    found
}

fn check_reads(view: &View, names: &[&str], found: &mut Vec<Diagnostic>) {
    let mut reported: Vec<String> = vec![];
    for relation in relations::of(&view.query) {
        let Some(ident) = names::single(&relation) else {
            continue;
        };
        let name = names::normalize(ident);
        let (kind, message, hint) = if name == CLOCK {
            continue;
        } else if !names.contains(&name.as_str()) {
            let hint = names::suggestion(&name, names.iter().copied(), "tables and views");
            (ErrorKind::Invalid, format!("`{name}` is neither a table nor a view"), hint)
        } else {
            continue;
        };
        if !reported.contains(&name) {
            let mut diagnostic = view.source.diagnostic(kind, ident.span, message);
            diagnostic.hint = Some(hint);
            found.push(diagnostic);
            reported.push(name);
        }
    }
}

fn check_cycles(views: &[&View], found: &mut Vec<Diagnostic>) {
    let ordered = in_dependency_order(views);
    let is_ordered = |name: &str| ordered.iter().any(|view| view.name == name);
    let mut waiting: Vec<&View> = views.iter().copied().filter(|view| !is_ordered(&view.name)).collect();
    // What waits reads something that waits, so following the reads ends in a cycle; views that only read from a
    // cycle are not part of it.
    while let Some(cycle) = waiting.first().and_then(|first| cycle_from(first, &waiting)) {
        let first = cycle[0];
        let mut path: Vec<&str> = cycle.iter().map(|view| view.name.as_str()).collect();
        path.push(&first.name);
        let place = place_of_read(first, path[1]);
        let message = format!("views read each other in a cycle: {}", path.join(" -> "));
        found.push(first.source.diagnostic(ErrorKind::Invalid, place, message));
        // Drop the cycle and everything that reads from it.
        let mut reported = path;
        let reads_reported = |view: &&View, reported: &[&str]| {
            reported.contains(&view.name.as_str()) || view.reads.iter().any(|name| reported.contains(&name.as_str()))
        };
        while let Some(position) = waiting.iter().position(|view| reads_reported(view, &reported)) {
            reported.push(&waiting.remove(position).name);
        }
    }
}

fn cycle_from<'a>(first: &'a View, waiting: &[&'a View]) -> Option<Vec<&'a View>> {
    let mut path = vec![first];
    loop {
        let last = path[path.len() - 1];
        let next = waiting.iter().copied().find(|view| last.reads.contains(&view.name))?;
        if let Some(start) = path.iter().position(|view| view.name == next.name) {
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}

fn place_of_read(view: &View, name: &str) -> Span {
    let relations = relations::of(&view.query);
    let mut idents = relations.iter().filter_map(names::single);
    idents.find(|ident| names::normalize(ident) == name).map_or(Span::empty(), |ident| ident.span)
}

/// Where a source defines a name: the last one after TABLE or VIEW.
pub(super) fn place_of_name(source: &SourceFile, name: &str) -> Span {
    let tokens = Tokenizer::new(&DIALECT, &source.text).tokenize_with_location().unwrap_or_default();
    let words: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let defines = |pair: &&[&TokenWithSpan]| match (&pair[0].token, &pair[1].token) {
        (Token::Word(keyword), Token::Word(word)) => {
            [Keyword::TABLE, Keyword::VIEW].contains(&keyword.keyword)
                && names::normalize(&word.clone().into_ident(Span::empty())) == name
        }
        _ => false,
    };
    words.windows(2).rfind(defines).map_or(Span::empty(), |pair| pair[1].span)
}
