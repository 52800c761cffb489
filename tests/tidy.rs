//! The rules of the source tree as a test: layers, sizes, front pages, words, links. Needs nothing but the files.
//!
//! A rule that nothing checks is not a rule. What clippy can check is in `.clippy.toml` and in `[lints]` of
//! `Cargo.toml`; the rest is here, as data and small functions over the text of the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

#[path = "tidy/source.rs"]
mod source;

use source::{Source, documents, functions, is_word, name, read, root, rust_sources, with_ending, words};

/// The layers, highest first: a module imports only from lines below its own; modules of one line never import each
/// other.
const LAYERS: [&[&str]; 11] = [
    &["main", "cli"],
    &["serve", "collect", "slt"],
    &["pipeline"],
    &["commit", "recovery", "query", "engine"],
    &["ingest", "dataflow", "hot", "history", "demo", "network"],
    &["operators"],
    &["planner", "state", "checkpoint"],
    &["changes", "explain", "telemetry", "config"],
    &["catalog"],
    &["tasks"],
    &["error", "clock"],
];

/// Crates that only some modules know.
const FENCED_CRATES: [(&str, &[&str]); 5] = [
    ("rdkafka", &["ingest", "demo"]),
    ("axum", &["serve"]),
    ("parquet", &["history"]),
    ("clap", &["cli"]),
    ("ureq", &["collect"]),
];

/// Everything visible at the top, and the two directories that git ignores.
const TOP_LEVEL: [&str; 11] =
    ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "data", "docker", "schemas", "sql", "src", "target", "tests"];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// Files and functions that are longer, with their lines: both lists only shrink.
const LONG_FILES: [(&str, usize); 0] = [];
const LONG_FUNCTIONS: [(&str, &str, usize); 2] =
    [("src/dataflow/build.rs", "build", 71), ("src/dataflow/build.rs", "node", 78)];
const DECISION_LINES_MAX: usize = 15;

/// Names of files and folders that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "types", "misc"];

/// Calls that no finished code has.
const UNFINISHED: [&str; 3] = ["dbg!", "todo!", "unimplemented!"];

/// Words that mark unfinished work. In two parts, so that this file does not contain them.
const MARKS: [(&str, &str); 3] = [("TO", "DO"), ("FIX", "ME"), ("XX", "X")];

/// Endings that Prometheus adds to the name of a metric.
const SAMPLE_ENDINGS: [&str; 3] = ["_bucket", "_count", "_sum"];

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The top-level modules that a file names through `crate::`, each with its place.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let mut found = vec![];
    for (at, path) in source.code.match_indices("crate::") {
        let rest = &source.code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push((at, name(rest).to_string()));
            continue;
        };
        let (mut depth, mut fresh) = (0, true);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => fresh = true,
                c if is_word(c) && fresh && depth == 0 => {
                    found.push((at, name(&group[i..]).to_string()));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn modules_import_only_from_lower_layers() {
    let mut found = vec![];
    for source in rust_sources() {
        let Some(module) = source.module().filter(|m| *m != "lib") else {
            continue;
        };
        let Some(own) = layer(module) else {
            found.push(format!("{}: module {module} is in no layer", source.path));
            continue;
        };
        for (at, other) in imports(&source) {
            // A lower layer has a greater number. What is no module is an item of lib.rs, which has none.
            let fits = other == module || layer(&other).is_some_and(|layer| layer > own);
            if !fits {
                found.push(format!("{}: {module} imports {other}", source.place(at)));
            }
        }
        let depth = source.path.trim_end_matches("/mod.rs").matches('/').count();
        let way_out = "super::".repeat(depth);
        if let Some(at) = source.product_code().find(&way_out) {
            found.push(format!("{}: {way_out} leaves the module; write crate::", source.place(at)));
        }
    }
    assert_none("imports that are not from a lower layer", &found);
}

#[test]
fn fenced_crates_stay_in_their_modules() {
    let mut found = vec![];
    for source in rust_sources() {
        let Some(module) = source.module() else { continue };
        for (name, modules) in FENCED_CRATES.iter().filter(|(_, modules)| !modules.contains(&module)) {
            let uses = words(&source.code, name).filter(|at| source.code[at + name.len()..].starts_with("::"));
            found.extend(uses.map(|at| format!("{}: {name} belongs to {}", source.place(at), modules.join(", "))));
        }
    }
    assert_none("crates outside their modules", &found);
}

#[test]
fn files_open_with_their_purpose_and_are_short() {
    let mut found = vec![];
    for Source { path, text, .. } in rust_sources() {
        if !text.starts_with("//! ") {
            found.push(format!("{path}: does not open with //!"));
        }
        let lines = text.lines().count();
        let known = LONG_FILES.iter().find(|(long, _)| *long == path);
        let allowed = known.map_or(FILE_LINES_MAX, |(_, lines)| *lines);
        if lines > allowed {
            found.push(format!("{path}: {lines} lines, at most {allowed}"));
        }
    }
    assert_none("files", &found);
}

#[test]
fn functions_are_short() {
    let mut found = vec![];
    for source in rust_sources() {
        for (at, name, lines) in functions(&source) {
            let known = LONG_FUNCTIONS.iter().find(|(path, long, _)| (*path, *long) == (&*source.path, name));
            let allowed = known.map_or(FUNCTION_LINES_MAX, |(.., lines)| *lines);
            if let Some(lines) = lines.filter(|&lines| lines > allowed) {
                found.push(format!("{}: {name} has {lines} lines, at most {allowed}", source.place(at)));
            }
        }
    }
    assert_none("functions", &found);
}

#[test]
fn front_pages_have_no_logic() {
    let mut found = vec![];
    for source in rust_sources().iter().filter(|s| s.path.starts_with("src/") && s.path.ends_with("/mod.rs")) {
        let mut depth = 0;
        for (number, line) in source.code.lines().enumerate() {
            // A trait is a contract and may stand here; what it is implemented for may not.
            let logic = ["fn", "impl"].iter().any(|word| words(line, word).next().is_some());
            if depth == 0 && logic {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
            depth += line.matches('{').count() as i64 - line.matches('}').count() as i64;
        }
    }
    assert_none("logic in front pages", &found);
}

#[test]
fn words_that_have_no_place_here() {
    let mut found = vec![];
    for source in rust_sources() {
        let stems = source.path.split('/').map(|part| part.trim_end_matches(".rs"));
        found.extend(stems.filter(|stem| EMPTY_NAMES.contains(stem)).map(|stem| format!("{}: {stem}", source.path)));
        let marks = MARKS.iter().map(|(first, second)| format!("{first}{second}"));
        for mark in marks.filter(|mark| words(&source.text, mark).next().is_some()) {
            found.push(format!("{}: {mark}", source.path));
        }
        let code = source.product_code();
        let mut ban = |word: &str| {
            found.extend(code.match_indices(word).map(|(at, _)| format!("{}: {word}", source.place(at))));
        };
        UNFINISHED.iter().for_each(|word| ban(word));
        if source.path.starts_with("src/") {
            ban(".unwrap()");
        }
        if !matches!(source.module(), None | Some("cli" | "main")) {
            ["print!(", "println!(", "eprint!(", "eprintln!("].iter().for_each(|word| ban(word));
        }
    }
    assert_none("words", &found);
}

#[test]
fn the_top_level_is_closed() {
    let mut found = vec![];
    for entry in fs::read_dir(root()).expect("the root") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()) {
            found.push(name);
        }
    }
    assert_none("not of the closed list", &found);
}

/// The targets of the links of a Markdown text that lead to files.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', ' ']));
    files.map(|target| target.split('#').next().unwrap_or(target))
}

/// The pieces between single backticks, outside of blocks of code.
fn quoted(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn documents_name_files_that_exist() {
    let mut found = vec![];
    for (path, text) in documents() {
        let folder = root().join(&path).parent().expect("a folder").to_path_buf();
        for link in links(&text).filter(|link| !folder.join(link).exists()) {
            found.push(format!("{path}: link to {link}"));
        }
        for word in quoted(&text) {
            let is_path = TOP_LEVEL.iter().any(|top| word.strip_prefix(top).is_some_and(|rest| rest.starts_with('/')));
            let plain =
                !word.contains(['*', ' ', '<', '{', '=']) && !word.starts_with("target/") && !word.starts_with("data/");
            if is_path && plain && !root().join(word).exists() {
                found.push(format!("{path}: `{word}`"));
            }
        }
    }
    assert_none("files that do not exist", &found);
}

#[test]
fn documents_name_tests_that_exist() {
    let sources = rust_sources();
    let known: BTreeSet<&str> = sources.iter().flat_map(functions).map(|(_, name, _)| name).collect();
    let (_, text) = read(&root().join("src/README.md"));
    let (_, kept) = text.split_once("## How the invariants are kept").expect("the section on the invariants");
    let rows: Vec<&str> = kept.lines().filter(|line| line.starts_with("| I")).collect();
    assert_eq!(rows.len(), 8, "one row for each of I1 to I8");
    let mut found = vec![];
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named = quoted(tests);
        if named.is_empty() {
            found.push(format!("no test in: {row}"));
        }
        found.extend(named.iter().filter(|test| !known.contains(*test)).map(|test| format!("no function {test}")));
    }
    assert_none("tests of the invariants", &found);
}

#[test]
fn decisions_are_numbered_and_short() {
    let (_, text) = read(&root().join("src/DECISIONS.md"));
    let mut decisions: BTreeMap<usize, usize> = BTreeMap::new();
    for (i, section) in text.split("\n## ").skip(1).enumerate() {
        let number = section.split('.').next().and_then(|n| n.parse().ok());
        assert_eq!(number, Some(i + 1), "decisions are numbered in order: {}", section.lines().next().unwrap_or(""));
        decisions.insert(i + 1, section.lines().skip(1).filter(|line| !line.trim().is_empty()).count());
    }
    let long = decisions.iter().filter(|(_, lines)| **lines > DECISION_LINES_MAX);
    let long: Vec<String> = long.map(|(number, lines)| format!("decision {number}: {lines} lines")).collect();
    assert!(!decisions.is_empty(), "no decision found");
    assert_none("decisions that are too long", &long);
}

#[test]
fn dashboards_and_alarms_read_metrics_that_exist() {
    let (_, telemetry) = read(&root().join("src/telemetry.rs"));
    let mut found = vec![];
    for ending in ["json", "yml"] {
        let metrics = |text: &str| {
            text.match_indices("rebateflow_").map(|(at, _)| name(&text[at..]).to_string()).collect::<Vec<_>>()
        };
        let files: Vec<(String, String)> =
            with_ending(&["docker", "tests"], ending).iter().map(|path| read(path)).collect();
        assert!(files.iter().any(|(_, text)| !metrics(text).is_empty()), "no metric in any {ending}");
        for (path, metric) in files.iter().flat_map(|(path, text)| metrics(text).into_iter().map(move |m| (path, m))) {
            let base = SAMPLE_ENDINGS.iter().find_map(|ending| metric.strip_suffix(ending)).unwrap_or(&metric);
            if words(&telemetry, &metric).next().is_none() && !telemetry.contains(&format!("\"{base}_")) {
                found.push(format!("{path}: {metric}"));
            }
        }
    }
    assert_none("metrics that do not exist", &found);
}
