//! Compares what the server answers over HTTP with the batch answer.

use std::collections::BTreeSet;

use serde_json::Value;

use super::oracle::{Expected, RowText, VIEWS};
use super::server::Server;

/// Rows of one page of SQL, and of one page of a lookup (the most there is).
const SQL_PAGE: usize = 20_000;
const LOOKUP_PAGE: usize = 1_000;
/// Lookups of a whole key, and of a first column alone, in each view.
const KEYS_SAMPLED: usize = 80;
const PREFIXES_SAMPLED: usize = 20;
/// Differences that are printed.
const SHOWN_MAX: usize = 5;

/// Every view has exactly the expected rows, by SQL and by lookups, all at one epoch.
pub fn assert_views(server: &Server, expected: &Expected) {
    let mut epochs = BTreeSet::new();
    for (view, key) in VIEWS {
        let found = all_rows(server, expected, (view, key), &mut epochs);
        assert_rows(view, found, &expected.texts(view));
        assert_lookups(server, expected, (view, key), &mut epochs);
    }
    assert_eq!(epochs.len(), 1, "nothing arrives, so all answers are of one epoch: {epochs:?}");
}

/// The number of rows of every view, and samples of lookups.
pub fn assert_sample(server: &Server, expected: &Expected) {
    for (view, key) in VIEWS {
        let answer = server.sql(&format!("SELECT COUNT(*) AS n FROM {view}"), 1);
        assert_eq!(answer["rows"][0]["n"], expected.views[view].num_rows(), "{view}: {answer}");
        assert_lookups(server, expected, (view, key), &mut BTreeSet::new());
    }
}

/// Every row of a view, page by page.
fn all_rows(
    server: &Server,
    expected: &Expected,
    (view, [first, second]): (&str, [&str; 2]),
    epochs: &mut BTreeSet<String>,
) -> Vec<RowText> {
    let columns = expected.columns(view);
    let mut found = vec![];
    let mut after = String::new();
    loop {
        let query = format!("SELECT * FROM {view} {after} ORDER BY {first}, {second}");
        let answer = server.sql(&query, SQL_PAGE);
        assert_eq!(answer["errors"], Value::Null, "view {view} has rows with errors");
        epochs.insert(text_of(&answer["epoch"]));
        let rows = answer["rows"].as_array().expect("rows");
        found.extend(rows.iter().map(|row| row_text(&columns, row)));
        if answer["truncated"] == Value::Bool(false) {
            return found;
        }
        let last = rows.last().expect("a full page");
        let [a, b] = [first, second].map(|name| literal(&text_of(&last[name])));
        after = format!("WHERE {first} > {a} OR ({first} = {a} AND {second} > {b})");
    }
}

/// Samples of lookups by the whole key, by its first column, and one that finds nothing.
fn assert_lookups(server: &Server, expected: &Expected, (view, key): (&str, [&str; 2]), epochs: &mut BTreeSet<String>) {
    let columns = expected.columns(view);
    for (given, sampled) in [(&key[..], KEYS_SAMPLED), (&key[..1], PREFIXES_SAMPLED)] {
        let groups = expected.by(view, given);
        let step = groups.len().div_ceil(sampled);
        for (values, wanted) in groups.iter().step_by(step) {
            let pairs = given.iter().zip(values).map(|(name, value)| format!("{name}={}", plain(value)));
            let path = format!("/v1/views/{view}?{}", pairs.collect::<Vec<_>>().join("&"));
            let rows = lookup(server, &path, epochs);
            let in_order = rows.windows(2).all(|two| text_of(&two[0][key[1]]) <= text_of(&two[1][key[1]]));
            assert!(in_order, "{path} is in the order of the key");
            assert_rows(&path, rows.iter().map(|row| row_text(&columns, row)).collect(), wanted);
        }
    }
    let nothing = format!("/v1/views/{view}?{}=nobody", key[0]);
    assert_eq!(lookup(server, &nothing, epochs), Vec::<Value>::new(), "{nothing}");
}

/// All pages of a lookup.
fn lookup(server: &Server, path: &str, epochs: &mut BTreeSet<String>) -> Vec<Value> {
    let mut found = vec![];
    let mut after = String::new();
    loop {
        let (status, mut answer) = server.get(&format!("{path}&limit={LOOKUP_PAGE}{after}"));
        assert_eq!(status, 200, "{path}{after}: {answer}");
        epochs.insert(text_of(&answer["epoch"]));
        let Value::Array(rows) = answer["rows"].take() else { panic!("{path}{after} has no rows: {answer}") };
        found.extend(rows);
        let Some(next) = answer["next"].as_str() else {
            return found;
        };
        after = format!("&after={next}");
    }
}

/// Equal as multisets; `wanted` is sorted.
fn assert_rows(what: &str, mut found: Vec<RowText>, wanted: &[RowText]) {
    found.sort_unstable();
    if found == wanted {
        return;
    }
    let only = |left: &[RowText], right: &[RowText]| {
        let right: BTreeSet<&RowText> = right.iter().collect();
        let rows = left.iter().filter(|row| !right.contains(row)).take(SHOWN_MAX);
        rows.cloned().collect::<Vec<_>>().join("\n  ")
    };
    panic!(
        "{what}: {} rows, expected {}\nonly found:\n  {}\nonly expected:\n  {}",
        found.len(),
        wanted.len(),
        only(&found, wanted),
        only(wanted, &found)
    );
}

fn row_text(columns: &[String], row: &Value) -> RowText {
    let row = row.as_object().expect("a row is an object");
    assert_eq!(row.len(), columns.len(), "{row:?}");
    let cells: Vec<String> = columns.iter().map(|name| format!("{name}={}", row[name])).collect();
    cells.join(" ")
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_string()
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value that can stand in a URL as it is.
fn plain(text: &str) -> &str {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    assert!(text.bytes().all(allowed), "{text} stands in a URL as it is");
    text
}
