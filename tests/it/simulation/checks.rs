//! What must hold: views against the batch oracle, the history against the script.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use rebateflow::checkpoint::Offsets;
use rebateflow::engine::Engine;
use rebateflow::history::{Dataset, HistoryPin, HistoryReader, Store};
use rebateflow::slt::{BatchAnswer, difference, sorted_lines};

use super::source::{Source, dead_line};
use super::views::DIVIDING;
use crate::history::world::parquet_rows;

/// I1: every view holds what its SQL answers over the accepted events below the offsets. I5: and counts no fault.
pub fn assert_views(engine: &Engine, source: &Source, offsets: &Offsets) {
    let mut answer = BatchAnswer::at(engine.as_of_us()).expect("a batch session");
    let mut zeros = 0;
    for (at, table) in source.tables.iter().enumerate() {
        let events = source.accepted(at, offsets);
        if table.name == "click" {
            let n = events.column_by_name("n").unwrap().as_primitive::<Int32Type>().clone();
            zeros = n.iter().filter(|n| *n == Some(0)).count() as i64;
        }
        answer.add_events(table, &events).expect("events");
    }
    let published = engine.hot().snapshot();
    let shown = published.offsets.iter().map(|at| (&*at.topic, at.partition, at.next));
    assert_eq!(shown.collect::<Offsets>(), *offsets, "what readers are told of offsets");
    for (view, rows) in answer.contents(engine).expect("the batch answer") {
        let expected = sorted_lines(&rows).expect("rows as text");
        let found = sorted_lines(&engine.rows(&view).expect("a view's rows")).expect("rows as text");
        if let Some(difference) = difference(&expected, &found) {
            panic!("view {view} is not the batch answer (-: missing, +: too much):\n{difference}");
        }
        let state = &published.views[view.as_str()];
        assert_eq!(state.failed, None, "view {view}");
        if DIVIDING.contains(&view.as_str()) {
            assert_eq!(state.errors, zeros, "rows kept out of view {view}");
        }
    }
}

fn all_rows(pin: &HistoryPin, dataset: &Dataset) -> Vec<RecordBatch> {
    let mut rows = pin.rows(dataset, None);
    let mut all = vec![];
    while let Some(batch) = rows.next(&mut |_| Ok(())).expect("rows of the history") {
        all.push(batch);
    }
    all
}

/// The lines of these rows' first columns, sorted.
fn lines(rows: &[RecordBatch], columns: usize) -> Vec<String> {
    let columns: Vec<usize> = (0..columns).collect();
    let Some(first) = rows.first() else { return vec![] };
    let all = concat_batches(&first.schema(), rows).expect("rows of one schema");
    sorted_lines(&all.project(&columns).expect("columns")).expect("rows as text")
}

fn dead_lines(rows: &[RecordBatch]) -> Vec<String> {
    let mut lines = vec![];
    for rows in rows {
        let column = |name: &str| rows.column_by_name(name).unwrap();
        let topics = column("topic");
        let (partitions, offsets) =
            (column("partition").as_primitive::<Int32Type>(), column("offset").as_primitive::<Int64Type>());
        for i in 0..rows.num_rows() {
            let values = column("value").as_binary::<i32>();
            let value = values.is_valid(i).then(|| values.value(i));
            let topic = match topics.data_type() {
                DataType::Utf8 => topics.as_string::<i32>().value(i),
                other => panic!("topics are {other}"),
            };
            lines.push(dead_line(topic, partitions.value(i), offsets.value(i), value));
        }
    }
    lines.sort_unstable();
    lines
}

fn assert_same(expected: &[String], found: &[String], what: &str) {
    if let Some(difference) = difference(expected, found) {
        panic!("{what} (-: missing, +: too much):\n{difference}");
    }
}

pub fn pin(store: &Store) -> Option<HistoryPin> {
    HistoryReader::new(store.clone()).pin().expect("the history can be read")
}

/// I3, I4: accepted and rejected messages below the committed offsets are in the history, each once, and nothing else.
pub fn assert_history(pin: &HistoryPin, source: &Source) {
    let offsets = &pin.manifest().offsets;
    for (at, table) in source.tables.iter().enumerate() {
        let expected = sorted_lines(&source.accepted(at, offsets)).expect("rows as text");
        let found = all_rows(pin, &Dataset::Events(table.name.clone()));
        let columns = table.event_schema().fields().len();
        assert_same(&expected, &lines(&found, columns), &format!("events of {}", table.name));
    }
    let found = dead_lines(&all_rows(pin, &Dataset::DeadLetters));
    assert_same(&source.rejected(offsets), &found, "dead letters");
}

/// The same of the Parquet files alone, after everything was rolled.
pub fn assert_files(store: &Store, source: &Source, offsets: &Offsets) {
    let rows = |folder: &str| parquet_rows(store, folder).into_iter().map(|(_, rows)| rows).collect::<Vec<_>>();
    for (at, table) in source.tables.iter().enumerate() {
        let expected = sorted_lines(&source.accepted(at, offsets)).expect("rows as text");
        let columns = table.event_schema().fields().len();
        let found = lines(&rows(&format!("events/{}", table.name)), columns);
        assert_same(&expected, &found, &format!("files of {}", table.name));
    }
    assert_same(&source.rejected(offsets), &dead_lines(&rows("dead_letters")), "files of dead letters");
}

/// The kept changes of each view's generation add up to its rows. Views that begin a generation with the first commit
/// of this run are left out before it. Gives the number of views.
pub fn assert_kept(pin: &HistoryPin, engine: &Engine) -> usize {
    let mut checked = 0;
    for kept in engine.kept_views() {
        let form = pin.manifest().views.get(&kept.name);
        let Some(form) = form.filter(|form| form.live && form.fingerprint == kept.fingerprint) else { continue };
        let rows = engine.rows(&kept.name).expect("a view's rows");
        let expected = sorted_lines(&rows).expect("rows as text");
        let dataset = Dataset::View { name: kept.name.clone(), generation: form.generation };
        let found = folded(&all_rows(pin, &dataset), rows.num_columns());
        assert_same(&expected, &found, &format!("changes of view {} in generation {}", kept.name, form.generation));
        checked += 1;
    }
    checked
}

/// Rows of changes, added up; a row with a negative weight is a fault (I5).
fn folded(changes: &[RecordBatch], columns: usize) -> Vec<String> {
    let mut weights: BTreeMap<String, i64> = BTreeMap::new();
    for rows in changes {
        let change = rows.column_by_name("_change").unwrap().as_string::<i32>();
        let columns: Vec<usize> = (0..columns).collect();
        let rows = rows.project(&columns).expect("columns");
        for i in 0..rows.num_rows() {
            let line = sorted_lines(&rows.slice(i, 1)).expect("a row as text").remove(0);
            *weights.entry(line).or_default() += if change.value(i) == "insert" { 1 } else { -1 };
        }
    }
    assert!(weights.values().all(|weight| *weight >= 0), "negative rows (I5): {weights:?}");
    weights.into_iter().flat_map(|(line, weight)| std::iter::repeat_n(line, weight as usize)).collect()
}

/// Whether some saved table that counts has rows in a state file that is damaged or not there.
pub fn counts(pin: &HistoryPin, store: &Store, damaged: &BTreeSet<String>) -> bool {
    let Some(state) = pin.manifest().state.as_ref() else { return false };
    let is_lost = |path: &String| damaged.contains(path) || store.read(&path.as_str().into()).is_err();
    state.files.iter().filter(|file| is_lost(&file.file.path)).any(|file| {
        file.file.sections.iter().any(|section| match &section.dataset {
            Dataset::State(name) => state.tables.get(name).is_some_and(|form| file.commit >= form.from),
            _ => false,
        })
    })
}

/// The steps of a commit and of a start that write, as their objects show them.
pub const KINDS: [(&str, &str); 9] = [
    ("_delta_log/", "Delta log"),
    ("runs/", "run"),
    ("-merged.seg", "merged state file"),
    ("state/", "state file"),
    ("log/rolls/", "record of a roll"),
    (".seg", "segment"),
    (".json", "manifest"),
    (".parquet", "Parquet file"),
    ("deleted", "deletion"),
];

/// What an object is.
pub fn kind(path: &str) -> &'static str {
    KINDS.iter().find(|(part, _)| path.contains(part)).map_or("other", |(_, kind)| kind)
}

/// Whether no partition stands before where it stood.
pub fn covers(newer: &Offsets, older: &Offsets) -> bool {
    older.iter().all(|(topic, partition, next)| newer.get(topic, partition).unwrap_or(0) >= next)
}
