//! What the planner refuses: `tests/refused/*.sql`.
//!
//! A file opens with `-- kind: KIND`, lines `-- error: MESSAGE` and `-- hint: HINT`, which are exactly what is said, and
//! lines `-- at: WORDS`, which are exactly what the carets stand under, one a fault. The rest is SQL whose last statement
//! is refused; those before it are accepted.

use std::path::{Path, PathBuf};

use rebateflow::catalog::SourceFile;
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;
use rebateflow::error::{Diagnostic, Error, ErrorKind};

const DIRECTORY: &str = "tests/refused";

/// A lower bound, so that a wrong directory cannot pass.
const FILES_MIN: usize = 200;

#[test]
fn every_refusal_says_what_and_where() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY);
    let entries = std::fs::read_dir(&directory).expect("the directory of refused views");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "sql")).collect();
    paths.sort();
    assert!(paths.len() >= FILES_MIN, "found {} files in {DIRECTORY}", paths.len());
    let failures: Vec<String> = paths.iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{} of {}\n\n{}", failures.len(), paths.len(), failures.join("\n\n"));
}

fn check(path: &Path) -> Result<(), String> {
    let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let (accepted, refused) = text.trim_end().trim_end_matches(';').rsplit_once(";\n").ok_or("two statements")?;
    let mut engine = Engine::new(1, Clock::System).map_err(|error| error.to_string())?;
    let accepted = SourceFile::new(name.clone(), format!("{accepted};\n"));
    engine.create(&accepted).map_err(|error| format!("{name}: the tables\n{error}"))?;
    // The lines before are kept empty, so that the place is that in the file.
    let before = "\n".repeat(accepted.text.lines().count());
    let error = match engine.create(&SourceFile::new(name.clone(), format!("{before}{refused};\n"))) {
        Ok(()) => return Err(format!("{name}: accepted")),
        Err(error) => error,
    };
    let stated = |name: &str| -> Vec<&str> { text.lines().filter_map(|line| line.strip_prefix(name)).collect() };
    let said = |pick: fn(&Diagnostic) -> String| error.diagnostics.iter().map(pick).collect::<Vec<_>>();
    let found = [
        ("-- kind: ", vec![format!("{:?}", error.kind)]),
        ("-- error: ", said(|d| d.message.clone())),
        ("-- hint: ", said(|d| d.hint.clone().unwrap_or_default()).into_iter().filter(|h| !h.is_empty()).collect()),
        ("-- at: ", said(|d| d.text[d.span.clone()].to_string())),
    ];
    for (what, found) in found {
        if stated(what) != found {
            return Err(format!("{name}: not {what}{found:?} but {:?}\n{error}", stated(what)));
        }
    }
    has_place(&error, &text).map_err(|fault| format!("{name}: {fault}\n{error}"))
}

fn has_place(error: &Error, text: &str) -> Result<(), String> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Refused) {
        return Err(format!("kind {:?}", error.kind));
    }
    let statement = text.lines().position(|line| line.contains("VIEW r ")).unwrap_or(usize::MAX) + 1;
    for diagnostic in &error.diagnostics {
        let (line, column) = diagnostic.position();
        // The query stands in the line of the statement.
        if line != statement || column < "CREATE VIEW r AS ".len() && !diagnostic.message.starts_with("the key names") {
            return Err(format!("its place is {line}:{column}, the statement is in line {statement}"));
        }
    }
    let has_caret = |line: &str| line.trim_start_matches([' ', '|']).starts_with('^');
    match error.diagnostics.is_empty() || !error.to_string().lines().any(has_caret) {
        true => Err("no place or no caret".to_string()),
        false => Ok(()),
    }
}

/// Views that are maintained, each with what the analyst is told and the words it is about.
const WARNED: [(&str, &str, &str); 14] = [
    ("SELECT k FROM t LIMIT 3", "LIMIT without ORDER BY: the rows are taken in order of all columns", "3"),
    (
        "SELECT k FROM (SELECT k FROM t LIMIT 4) y",
        "LIMIT without ORDER BY: the rows are taken in order of all columns",
        "4",
    ),
    (
        "SELECT ARRAY_AGG(k) AS a FROM t",
        "ARRAY_AGG without ORDER BY: the rows are taken in order of all columns",
        "ARRAY_AGG(k",
    ),
    (
        "SELECT STRING_AGG(k, ',') AS a FROM t",
        "STRING_AGG without ORDER BY: the rows are taken in order of all columns",
        "STRING_AGG(k, ','",
    ),
    (
        "SELECT FIRST_VALUE(k) AS a FROM t",
        "FIRST_VALUE without ORDER BY: the rows are taken in order of all columns",
        "FIRST_VALUE(k",
    ),
    (
        "SELECT LAST_VALUE(v) OVER (PARTITION BY k) AS a FROM t",
        "LAST_VALUE without ORDER BY: the rows are taken in order of all columns",
        "LAST_VALUE(v",
    ),
    (
        "SELECT NTH_VALUE(v, 2) AS a FROM t",
        "NTH_VALUE without ORDER BY: the rows are taken in order of all columns",
        "NTH_VALUE(v, 2",
    ),
    (
        "SELECT k, MEDIAN(d) AS m FROM t GROUP BY k",
        "MEDIAN of decimals has their type: the mean of two is cut to their digits",
        "MEDIAN(d",
    ),
    (
        "SELECT t.k FROM t CROSS JOIN u",
        "a join without an equality: each change of one side meets all rows of the other",
        "u",
    ),
    (
        "SELECT t.k FROM t JOIN u ON t.v > u.w",
        "a join without an equality: each change of one side meets all rows of the other",
        "u",
    ),
    (
        "SELECT t.k FROM t FULL JOIN u ON t.v > u.w",
        "a join without an equality: each change of one side meets all rows of the other",
        "u",
    ),
    (
        "SELECT t.k FROM t JOIN t z ON t.k = z.k CROSS JOIN u",
        "a join without an equality: each change of one side meets all rows of the other",
        "u",
    ),
    (
        "SELECT MEDIAN(d) OVER (PARTITION BY k) AS m FROM t",
        "MEDIAN of decimals has their type: the mean of two is cut to their digits",
        "MEDIAN(d",
    ),
    ("SELECT t.k FROM t, u", "a join without an equality: each change of one side meets all rows of the other", "u"),
];

/// Views in which 0.0 and -0.0 are two values, and where.
const TWO_ZEROS: [(&str, &str); 9] = [
    ("SELECT k, RANK() OVER (ORDER BY x) AS n FROM z", "PARTITION BY and ORDER BY of windows"),
    ("SELECT SUM(1) OVER (PARTITION BY k, x ORDER BY k) AS n FROM z", "PARTITION BY and ORDER BY of windows"),
    ("SELECT k, x FROM z ORDER BY x LIMIT 3", "ORDER BY"),
    ("SELECT ARRAY_AGG(k ORDER BY x) AS a FROM z", "ORDER BY"),
    ("SELECT DISTINCT ON (x) x, k FROM z ORDER BY x, k", "DISTINCT ON"),
    ("SELECT x FROM z EXCEPT ALL SELECT x FROM z WHERE k = 'a'", "EXCEPT ALL and INTERSECT ALL"),
    ("SELECT [x] AS l, COUNT(*) AS n FROM z GROUP BY [x]", "a list or struct"),
    ("SELECT DISTINCT [x] AS l FROM z", "a list or struct"),
    (
        "SELECT k FROM t WHERE k IN (SELECT k FROM z QUALIFY RANK() OVER (ORDER BY x) = 1)",
        "PARTITION BY and ORDER BY of windows",
    ),
];

/// Views of the same kinds that there is nothing to say of.
const NOT_WARNED: [&str; 11] = [
    "SELECT k, RANK() OVER (ORDER BY x + 0.0) AS n FROM z",
    "SELECT k, ROW_NUMBER() OVER (ORDER BY k) AS n, x FROM z",
    "SELECT x, COUNT(*) AS n FROM z WHERE x IN (0.0, 1.0) GROUP BY x",
    "SELECT x FROM z EXCEPT SELECT x FROM z WHERE k = 'a'",
    "SELECT k FROM t ORDER BY v LIMIT 3",
    "SELECT ARRAY_AGG(k ORDER BY v) AS a, STRING_AGG(k, ',' ORDER BY v) AS b FROM t",
    "SELECT LAST_VALUE(v) OVER (PARTITION BY k ORDER BY v) AS a FROM t",
    "SELECT k, MEDIAN(v) AS m FROM t GROUP BY k",
    "SELECT t.k FROM t JOIN u ON t.k = u.k AND t.v > u.w",
    "SELECT k FROM t WHERE v > (SELECT MAX(w) FROM u)",
    "SELECT k, as_of FROM t CROSS JOIN clock",
];

fn warnings(query: &str) -> Vec<(String, String)> {
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    let tables = "CREATE TABLE t (k VARCHAR, v BIGINT, d DECIMAL(18,2)) WITH (topic = 't');\n\
                  CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');\n\
                  CREATE TABLE z (k VARCHAR, x DOUBLE) WITH (topic = 'z');\n";
    let view = format!("CREATE MATERIALIZED VIEW r AS {query};\n");
    for text in [tables, &view] {
        engine.create(&SourceFile::new("r.sql", text)).unwrap_or_else(|error| panic!("{error}"));
    }
    let planned = engine.planned("r").expect("a view");
    let said = |w: &Diagnostic| (w.message.clone(), w.text[w.span.clone()].to_string());
    planned.warnings.iter().map(said).collect()
}

#[test]
fn warnings_say_what_and_where() {
    for (query, message, at) in WARNED {
        assert_eq!(warnings(query), [(message.to_string(), at.to_string())], "{query}");
    }
    for (query, place) in TWO_ZEROS {
        let message = format!("0.0 and -0.0 of a DOUBLE are two values in {place}, and one in =");
        let said = warnings(query);
        assert_eq!(said.iter().map(|(message, _)| message).collect::<Vec<_>>(), [&message], "{query}");
        assert!(query.contains(&said[0].1) && !said[0].1.is_empty(), "{query}: {}", said[0].1);
    }
    for query in NOT_WARNED {
        assert_eq!(warnings(query), [], "{query}");
    }
}

/// An outer join reads its inputs several times: a chain of them is a small graph, and was an endless tree.
#[test]
fn a_chain_of_outer_joins_grows_with_its_length() {
    let operators = |joins: usize| {
        let chain: String =
            (0..joins).map(|i| format!(" FULL JOIN u AS u{i} ON t.k = u{i}.k AND u{i}.w > t.v")).collect();
        let mut engine = Engine::new(1, Clock::System).expect("an engine");
        let tables = "CREATE TABLE t (k VARCHAR, v BIGINT) WITH (topic = 't');\n\
                      CREATE TABLE u (k VARCHAR, w BIGINT) WITH (topic = 'u');\n";
        let view = format!("CREATE MATERIALIZED VIEW r AS SELECT t.k FROM t{chain};\n");
        for text in [tables, &view] {
            engine.create(&SourceFile::new("r.sql", text)).unwrap_or_else(|error| panic!("{error}"));
        }
        engine.explain_planned("r").expect("a view").operators.len()
    };
    assert!(operators(14) <= 3 * operators(7), "{} of 14 joins, {} of 7", operators(14), operators(7));
}
