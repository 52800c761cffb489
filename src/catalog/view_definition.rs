//! From `CREATE [MATERIALIZED] VIEW` to a `View`.

use datafusion::sql::sqlparser::ast::{CreateView, Query, Spanned};
use datafusion::sql::sqlparser::keywords::Keyword;

use super::options::Options;
use super::source::{Faults, SourceFile};
use super::statement::Tokens;
use super::view::{History, OnError, View};
use super::{branches, dropped, names, relations};

const OPTIONS: [&str; 3] = ["key", "history", "on_error"];

/// The view, as far as it could be understood; it counts only when no fault was added.
pub(super) fn view(create: &CreateView, tokens: &Tokens, source: &SourceFile, faults: &mut Faults<'_>) -> Option<View> {
    refuse_clauses(create, tokens, faults);
    let name = names::defined(&create.name, faults);
    let options = Options::read(&create.options, &OPTIONS, tokens, faults);
    if !create.materialized {
        for (name, option) in options.iter() {
            faults.invalid(option.name, format!("option `{name}` needs a materialized view")).hint = Some(
                "a plain view is only a name for its query; write CREATE MATERIALIZED VIEW to have it kept".to_string(),
            );
        }
    }
    let histories = [("none", History::None), ("changes", History::Changes)];
    let history = options.choice("history", &histories, faults).unwrap_or(History::None);
    let on_error = options.choice("on_error", &[("count", OnError::Count), ("refuse", OnError::Refuse)], faults);
    let key = key(&options, faults);
    dropped::refuse(&create.query, tokens, faults);
    let reads = reads(&create.query, faults);
    let mut query = (*create.query).clone();
    branches::name_branches(&mut query);
    Some(View {
        name: name?,
        materialized: create.materialized,
        key,
        history,
        on_error: on_error.unwrap_or(OnError::Count),
        query,
        reads,
        source: source.clone(),
    })
}

fn key(options: &Options, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    let option = options.get("key")?;
    let Some(key) = names::parse_list(&option.text) else {
        faults.invalid(option.value, "option `key` is not a list of columns").hint =
            Some("write key = 'a, b', or leave it out to have it derived".to_string());
        return None;
    };
    for (position, column) in key.iter().enumerate() {
        if key[..position].contains(column) {
            faults.invalid(option.value, format!("column `{column}` is twice in the key"));
        }
    }
    Some(key)
}

/// The names that the query reads, each once.
fn reads(query: &Query, faults: &mut Faults<'_>) -> Vec<String> {
    let mut reads = vec![];
    for relation in relations::of(query) {
        let Some(ident) = names::single(&relation) else {
            faults.refused(relation.span(), format!("`{relation}` has several parts")).hint =
                Some("tables and views have plain names, without a schema".to_string());
            continue;
        };
        let name = names::normalize(ident);
        if !reads.contains(&name) {
            reads.push(name);
        }
    }
    reads
}

/// Everything that the parser understood and this function does not list is refused.
fn refuse_clauses(create: &CreateView, tokens: &Tokens, faults: &mut Faults<'_>) {
    if let Some(column) = create.columns.first() {
        faults.refused(column.name.span, "a view has no column list").hint =
            Some("name the columns in the SELECT: SELECT x AS a, y AS b".to_string());
    }
    let understood = CreateView {
        or_alter: false,
        or_replace: false,
        materialized: create.materialized,
        secure: false,
        name: create.name.clone(),
        name_before_not_exists: false,
        columns: create.columns.clone(),
        query: create.query.clone(),
        options: create.options.clone(),
        cluster_by: vec![],
        comment: None,
        with_no_schema_binding: false,
        if_not_exists: false,
        temporary: false,
        copy_grants: false,
        to: None,
        params: None,
    };
    if understood == *create {
        return;
    }
    let (keywords, clause) = match create {
        create if create.or_replace || create.or_alter => (vec![Keyword::OR], "OR REPLACE"),
        create if create.temporary => (vec![Keyword::TEMPORARY, Keyword::TEMP], "TEMPORARY"),
        create if create.if_not_exists => (vec![Keyword::IF], "IF NOT EXISTS"),
        create if create.comment.is_some() => (vec![Keyword::COMMENT], "COMMENT"),
        create if create.to.is_some() => (vec![Keyword::TO], "TO"),
        _ => (vec![Keyword::CREATE], "a clause of this statement"),
    };
    let place = tokens.keyword_after(tokens.start().start, &keywords);
    faults.refused(place, format!("{clause} is not supported in CREATE VIEW")).hint =
        Some("write CREATE [MATERIALIZED] VIEW name [WITH (options)] AS SELECT ...".to_string());
}
