//! Merges into many files against merges into one.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::pretty::pretty_format_batches;

use super::*;
use crate::changes::Changes;
use crate::error::ErrorKind;
use crate::history::paths::Dataset;
use crate::history::state::{Before, StateDelta, next_state, read_state};
use crate::state::weighted_rows;

const RUN: u32 = 1;
const KEYS: i64 = 20_000;

fn tables() -> [SavedTable; 3] {
    let table = |name: &str, key| SavedTable { name: name.into(), key };
    [table("newest", Some(vec![0])), table("rows", None), table("small", Some(vec![0]))]
}

/// Rows that come with a weight; those of a table with a key replace what has their key.
fn rows(keys: &[i64], text: &str, weight: i64) -> RecordBatch {
    let numbers = Arc::new(Int64Array::from(keys.to_vec()));
    let texts = Arc::new(StringArray::from_iter_values(keys.iter().map(|key| format!("{text} {}", key % 7))));
    let rows = RecordBatch::try_from_iter([("key", numbers as _), ("text", texts as _)]).expect("columns");
    weighted_rows(&Changes::new(rows, vec![weight; keys.len()]), 2).expect("rows")
}

/// What a checkpoint adds: some keys anew, some rows in and, later, out again.
fn delta(random: &mut fastrand::Rng, epoch: i64) -> StateDelta {
    let mut added = SavedRows::default();
    let [newest, plain, small] = tables();
    let keys: Vec<i64> = (0..KEYS / 4).map(|_| random.i64(0..KEYS)).collect();
    added.add(&newest, rows(&keys, &format!("epoch {epoch}"), 1)).expect("added");
    added
        .add(&plain, rows(&(0..KEYS / 8).collect::<Vec<_>>(), "row", if epoch % 3 == 2 { -1 } else { 1 }))
        .expect("added");
    added.add(&small, rows(&[epoch % 5], &format!("epoch {epoch}"), 1)).expect("added");
    StateDelta { epoch, rows: added, tables: tables().to_vec(), loaded: Arc::default(), errors: BTreeMap::new() }
}

/// Checkpoints, each merged with those before it when that is due; the merges' figures.
fn states(part_bytes_max: u64) -> (Store, StateForm, Vec<(usize, usize)>) {
    let (store, mut random) = (Store::open("memory://").expect("a store"), fastrand::Rng::with_seed(1));
    let mut state: Option<StateForm> = None;
    let mut merges = vec![];
    for commit in 1..=24 {
        let before = Before { state: state.as_ref(), own: commit > 1, commit, run: RUN };
        let (mut next, bytes) = next_state(before, &delta(&mut random, commit as i64)).expect("a state");
        create_segment(&store, &next.files.last().expect("a file").file, &bytes.expect("bytes")).expect("created");
        if let Some(merge) = StateMerge::of(&store, &next, RUN, part_bytes_max) {
            let merged = merge.run(&Stop::default()).expect("merges");
            merges.push((merged.files.len(), merged.rows_held));
            assert!(merged.files.iter().all(|file| file.file.path.starts_with(merged.written())));
            merged.replace(&mut next);
        }
        state = Some(next);
    }
    (store, state.expect("a state"), merges)
}

/// The rows of all tables with the sums of their weights: which rows are summed up already depends on the files.
fn contents(store: &Store, state: &StateForm) -> BTreeMap<Arc<str>, BTreeMap<String, i64>> {
    let sums = |rows: Vec<RecordBatch>| {
        let text = pretty_format_batches(&rows).expect("text").to_string();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for line in text.lines().skip(3).filter(|line| line.starts_with('|')) {
            let (row, weight) = line.trim_end_matches([' ', '|']).rsplit_once('|').expect("a column of weights");
            *sums.entry(row.to_string()).or_default() += weight.trim().parse::<i64>().expect("a weight");
        }
        sums
    };
    read_state(store, state).map(|(table, rows)| (table.name, sums(rows.expect("reads")))).collect()
}

#[test]
fn a_merge_into_many_files_holds_a_part_and_changes_nothing() {
    let (whole_store, whole, whole_merges) = states(u64::MAX);
    let part_bytes_max = 32 << 10;
    let (store, parted, merges) = states(part_bytes_max);
    let (found, wanted) = (contents(&store, &parted), contents(&whole_store, &whole));
    for (table, rows) in &wanted {
        let other: Vec<_> =
            rows.iter().filter(|(row, weight)| found[table].get(*row) != Some(weight)).take(9).collect();
        assert!(other.is_empty() && found[table].len() == rows.len(), "{table}: {other:?}");
    }
    assert!(whole.files.iter().all(|file| file.part.is_none()));

    let most = |merges: &[(usize, usize)]| merges.iter().copied().max_by_key(|(_, rows)| *rows).expect("merges");
    let ((_, all), (files, held)) = (most(&whole_merges), most(&merges));
    assert!(files >= 16 && held * 8 < all, "{held} rows at once instead of {all}, in {files} files");
    let merged = parted.files.iter().filter(|file| file.part.is_some());
    let largest = merged.clone().map(|file| file.file.bytes).max().expect("merged files");
    assert!(largest < 2 * part_bytes_max, "a file of {largest} bytes");
    // Small tables stay whole: manifests name every piece.
    let small = |file: &StateFile| file.file.sections.iter().any(|s| s.dataset == Dataset::State("small".into()));
    assert!(!merged.clone().any(small));
}

#[test]
fn the_same_files_are_merged_into_the_same_bytes() {
    let (one, state, _) = states(32 << 10);
    let (other, same, _) = states(32 << 10);
    assert_eq!(state, same, "names, sizes and checksums");
    for file in &state.files {
        assert_eq!(one.read(&file.file.object()).expect("reads"), other.read(&file.file.object()).expect("reads"));
    }
}

#[test]
fn a_damaged_file_ends_a_merge() {
    let (store, mut state, _) = states(u64::MAX);
    state.files.truncate(1);
    let mut next = state.files[0].clone();
    next.commit += 1;
    next.file.sections[0].checksum = "0".repeat(16);
    state.files.push(next);
    let merge = StateMerge::of(&store, &state, RUN, 32 << 10).expect("it is due");
    let error = merge.run(&Stop::default()).expect_err("a checksum is wrong");
    assert!(error.kind == ErrorKind::Data && error.message.ends_with("is damaged"), "{error}");
}

#[test]
fn parts_meet_where_their_ranges_do() {
    let part = |number, of| Part { number, of };
    assert!(part(0, 1).covers(part(3, 4)) && !part(3, 4).covers(part(0, 1)));
    assert!(part(1, 2).meets(part(2, 4)) && part(1, 2).covers(part(2, 4)) && !part(1, 2).meets(part(1, 4)));
    assert!(part(1, 4).covers(part(1, 4)) && !part(1, 4).meets(part(2, 4)));
    for hash in [0, 1, u64::MAX / 4, u64::MAX / 4 + 1, u64::MAX / 2 + 1, u64::MAX] {
        assert_eq!((0..4).filter(|&number| part(number, 4).holds(hash)).count(), 1, "{hash}");
    }
}
