//! Restarts without faults: round trips, rolls, changed tables and views, damaged files.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use object_store::path::Path;
use rebateflow::catalog::Table;
use rebateflow::error::ErrorKind;
use rebateflow::history::{Epochs, HistorySettings, Store, epoch_number, segment_path};
use rebateflow::recovery;

use super::world::{Files, Process, accepted, column, count_view, orders, parquet_rows, settings};

const END: i64 = 40;

fn names(store: &Store, folder: &str) -> Vec<String> {
    store.list(&Path::from(folder)).unwrap().iter().map(Path::to_string).collect()
}

fn never_rolls() -> HistorySettings {
    HistorySettings { roll_bytes: u64::MAX, roll_after_ms: u64::MAX, ..settings() }
}

/// A store with two commits that are not rolled.
fn two_commits(store: &Store) {
    let mut process = Process::start_with(store, orders(), "v1", never_rolls()).unwrap();
    for _ in 0..2 {
        process.next_epoch(5, END).unwrap();
        process.committer.commit().unwrap();
    }
}

#[test]
fn a_directory_holds_the_documented_files_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    two_commits(&store);
    assert_eq!(
        names(&store, "log"),
        [
            "log/000000000001.json",
            "log/000000000002-000001.seg",
            "log/000000000002.json",
            "log/000000000003-000001.seg",
            "log/000000000003.json",
        ]
    );
    assert!(names(&store, "events").is_empty());
    let mut process = Process::start(&store).unwrap();
    assert_eq!(process.offsets.get("orders", 1), Some(10));
    process.run_to(END).unwrap();
    Files::assert_complete(&store, END);
    let log = names(&store, "log");
    // The newest manifest, and the last one that is rolled.
    assert_eq!(log.iter().filter(|name| !name.contains("rolls")).count(), 2, "{log:?}");
    assert_eq!(names(&store, "runs"), ["runs/000001", "runs/000002"]);
    let days: BTreeSet<String> = names(&store, "events").iter().map(|n| n.split('/').nth(2).unwrap().into()).collect();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), ["_date=2026-03-01", "_date=2026-03-02", "_delta_log"]);
    let files = walk(folder.path());
    assert!(files.iter().all(|name| !name.contains('#')), "{files:?}");
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| {
        if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] }
    };
    entries.flat_map(below).collect()
}

#[test]
fn epochs_of_runs_never_mean_two_things_and_files_are_sorted_by_them() {
    let store = Store::open("memory://").unwrap();
    two_commits(&store);
    Process::start(&store).unwrap().run_to(END).unwrap();
    let mut epochs = BTreeSet::new();
    for (path, rows) in parquet_rows(&store, "events/orders") {
        let epoch = rows.column_by_name("_epoch").unwrap().as_primitive::<Int64Type>().clone();
        assert!(epoch.values().is_sorted(), "{path}");
        epochs.extend(epoch.values().iter().copied());
    }
    assert!(epochs.contains(&epoch_number(1, 2)) && epochs.contains(&epoch_number(2, 1)), "{epochs:?}");
    assert_eq!(epoch_number(2, 1), 8_589_934_593);
}

#[test]
fn a_run_is_never_taken_again_even_if_its_object_is_lost() {
    let store = Store::open("memory://").unwrap();
    two_commits(&store);
    let before = Process::start(&store).unwrap().recovered.run;
    for run in names(&store, "runs") {
        store.delete(&run.as_str().into()).unwrap();
    }
    assert_eq!(Process::start(&store).unwrap().recovered.run, before + 1);
}

#[test]
fn a_start_finds_the_clock_of_the_last_committed_epoch() {
    let store = Store::open("memory://").unwrap();
    let mut process = Process::start_with(&store, orders(), "v1", never_rolls()).unwrap();
    assert_eq!(process.recovered.manifest.as_ref().map(|manifest| manifest.as_of_us), None);
    process.next_epoch(5, END).unwrap();
    process.committer.commit().unwrap();
    let committed = process.clock.now_us();
    // Handed over, never committed: its clock is lost with it.
    process.next_epoch(5, END).unwrap();
    assert!(process.clock.now_us() > committed);
    for _ in 0..2 {
        // A start writes a manifest of its own, which keeps the clock.
        let next = Process::start_with(&store, orders(), "v1", never_rolls()).unwrap();
        assert_eq!(next.recovered.manifest.as_ref().map(|manifest| manifest.as_of_us), Some(committed));
    }
}

#[test]
fn a_roll_waits_for_bytes_or_age_and_a_roll_of_nothing_writes_nothing() {
    let store = Store::open("memory://").unwrap();
    let mut process = Process::start_with(&store, orders(), "v1", HistorySettings::default()).unwrap();
    process.next_epoch(5, END).unwrap();
    assert_eq!(process.committer.commit().unwrap().rolled_files, 0);
    let number = process.committer.commit().unwrap().number;
    process.clock.set(process.clock.now_us() + 299_000_000);
    assert_eq!(process.committer.commit().unwrap().number, number);
    process.clock.set(process.clock.now_us() + 1_000_000);
    let info = process.committer.commit().unwrap();
    assert_eq!((info.number, info.rows, info.rolled_files, info.rolled_rows), (number + 1, 0, 4, 13));
    assert_eq!(process.committer.commit().unwrap().number, number + 2);
    for _ in 0..2 {
        let info = process.committer.close().unwrap();
        assert_eq!((info.number, info.rolled_files), (number + 2, 0));
    }
    Files::assert_complete(&store, 5);
}

#[test]
fn a_damaged_record_of_a_roll_that_is_not_marked_done_is_written_again() {
    let store = Store::open("memory://").unwrap();
    let mut process =
        Process::start_with(&store, orders(), "v1", HistorySettings { roll_bytes: 1, ..settings() }).unwrap();
    process.next_epoch(20, END).unwrap();
    assert_eq!(process.committer.commit().unwrap().rolled_files, 4);
    drop(process);
    let [record] = &names(&store, "log/rolls")[..] else { panic!("one roll") };
    let record = Path::from(record.as_str());
    let whole = store.read(&record).unwrap();
    store.delete(&record).unwrap();
    store.create(&record, whole.slice(..whole.len() / 2)).unwrap();
    Process::start(&store).unwrap().run_to(END).unwrap();
    assert_eq!(store.read(&record).unwrap(), whole);
    Files::assert_complete(&store, END);
}

#[test]
fn a_roll_that_is_done_again_writes_the_same_bytes() {
    let store = Store::open("memory://").unwrap();
    let mut process =
        Process::start_with(&store, orders(), "v1", HistorySettings { roll_bytes: 1, ..settings() }).unwrap();
    process.next_epoch(20, END).unwrap();
    process.committer.commit().unwrap();
    let files: Vec<Path> = ["events", "views", "dead_letters", "replays", "log/rolls"]
        .iter()
        .flat_map(|folder| store.list(&Path::from(*folder)).unwrap())
        .collect();
    // Four Parquet files, their Delta logs, and the record.
    assert_eq!(files.len(), 9, "{files:?}");
    let before: Vec<_> = files.iter().map(|path| store.read(path).unwrap()).collect();
    // As if the crash had come before all but the first file.
    files[1..].iter().for_each(|path| store.delete(path).unwrap());
    Process::start(&store).unwrap().committer.commit().unwrap();
    let after: Vec<_> = files.iter().map(|path| store.read(path).unwrap()).collect();
    assert!(before == after);
}

#[test]
fn a_table_that_changed_is_refused_and_nothing_is_written() {
    let store = Store::open("memory://").unwrap();
    two_commits(&store);
    let mut changed = orders();
    changed.columns[0].data_type = DataType::Int32;
    let before = (names(&store, "log"), names(&store, "runs"));
    let error = Process::start_with(&store, changed, "v1", settings()).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("table orders has changed: column 1 was id BIGINT NOT NULL"), "{error}");
    let mut changed = orders();
    changed.columns[0].data_type = DataType::Int32;
    let looked = recovery::would_rebuild(&store, &[Arc::new(changed)], &[count_view("v1")]);
    assert_eq!(looked.err().map(|error| error.kind), Some(ErrorKind::Refused));
    assert_eq!((names(&store, "log"), names(&store, "runs")), before);
}

#[test]
fn who_only_looks_sees_what_a_start_would_make_anew_and_writes_nothing() {
    let store = Store::open("memory://").unwrap();
    let look = |view: &str| {
        recovery::would_rebuild(&store, &[Arc::new(orders())], &[count_view(view)])
            .unwrap()
            .map(|views| views.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(look("v1"), None, "nothing is stored");
    two_commits(&store);
    let before = (names(&store, "log"), names(&store, "runs"));
    assert_eq!((look("v1"), look("v2")), (Some(vec![]), Some(vec!["counts".to_string()])));
    assert_eq!((names(&store, "log"), names(&store, "runs")), before);
}

#[test]
fn an_added_column_is_null_in_older_events() {
    let store = Store::open("memory://").unwrap();
    two_commits(&store);
    let wider =
        || Table { columns: [orders().columns, vec![column("size", DataType::Int64, true)]].concat(), ..orders() };
    // The rows of both forms are rolled into one file.
    let mut process = Process::start_with(&store, wider(), "v1", never_rolls()).unwrap();
    process.next_epoch(10, END).unwrap();
    process.committer.close().unwrap();
    let process = Process::start_with(&store, wider(), "v1", settings()).unwrap();
    let mut sizes = vec![];
    process
        .recovered
        .replay(
            |_| true,
            Epochs::ALL,
            |batch| {
                let size = batch.rows.column_by_name("size").unwrap().as_primitive::<Int64Type>().clone();
                let offset = batch.rows.column_by_name("_offset").unwrap().as_primitive::<Int64Type>().clone();
                sizes.extend((0..size.len()).map(|i| (offset.value(i), size.is_valid(i).then(|| size.value(i)))));
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(sizes.len(), accepted(&process.offsets).len());
    assert!(sizes.iter().all(|(offset, size)| *size == (*offset >= 10).then_some(*offset)), "{sizes:?}");
}

#[test]
fn a_changed_view_begins_a_generation_with_its_full_contents() {
    let store = Store::open("memory://").unwrap();
    two_commits(&store);
    let process = Process::start_with(&store, orders(), "v2", settings()).unwrap();
    assert_eq!(process.recovered.generations["counts"], 2);
    drop(process);
    // Nothing was committed: the next start begins the same generation.
    let mut process = Process::start_with(&store, orders(), "v2", settings()).unwrap();
    assert_eq!(process.recovered.generations["counts"], 2);
    process.run_to(END).unwrap();
    Files::assert_complete(&store, END);
    let folders: BTreeSet<String> =
        names(&store, "views").iter().map(|n| n.split('/').nth(2).unwrap().into()).collect();
    assert_eq!(folders.into_iter().collect::<Vec<_>>(), ["gen=1", "gen=2"]);
    let process = Process::start_with(&store, orders(), "v2", settings()).unwrap();
    assert_eq!(process.recovered.generations["counts"], 2);
    assert!(process.recovered.rebuilt.is_empty());
}

#[test]
fn a_missing_or_damaged_file_that_is_rolled_is_named() {
    for (folder, ending) in [("events", ".parquet"), ("log/rolls", ".json")] {
        for damage in [false, true] {
            let store = Store::open("memory://").unwrap();
            Process::start(&store).unwrap().run_to(END).unwrap();
            let all = store.list(&Path::from(folder)).unwrap();
            let path = all.iter().find(|path| path.as_ref().ends_with(ending)).unwrap();
            let mut bytes = store.read(path).unwrap().to_vec();
            store.delete(path).unwrap();
            if damage {
                let place = bytes.len() / 8;
                bytes[place] ^= 4;
                store.create(path, bytes).unwrap();
            }
            let error = Process::start(&store).err().unwrap_or_else(|| panic!("{path} is not missed"));
            assert_eq!(error.kind, ErrorKind::Data);
            let named = if damage || folder != "log/rolls" { path.as_ref() } else { "log/rolls" };
            assert!(error.message.contains(named), "{error}");
        }
    }
}

#[test]
fn offsets_rows_and_generations_that_do_not_fit_are_refused() {
    let store = Store::open("memory://").unwrap();
    let start = || Process::start_with(&store, orders(), "v1", never_rolls()).unwrap();
    let mut process = start();
    process.next_epoch(5, END).unwrap();
    process.offsets.set(&"orders".into(), 0, 2);
    let error = process.next_epoch(1, END).unwrap_err();
    assert!(error.message.starts_with("overlap in partition 0 of topic orders: stands at 5"), "{error}");
    let mut process = start();
    process.next_epoch(5, END).unwrap();
    process.offsets.set(&"orders".into(), 0, 3);
    process.offsets.set(&"orders".into(), 1, 5);
    let error = process.next_epoch(4, END).unwrap_err();
    assert!(error.message.contains("of partition 0 of topic orders are not in the step"), "{error}");
    let mut process = start();
    process.recovered.generations.insert(Arc::from("counts"), 7);
    let error = process.next_epoch(5, END).unwrap_err();
    assert_eq!(error.message, "generation 7 of view counts is not the current one");
    // Its offsets are ahead of its rows now, so it must not commit any more.
    assert_eq!(process.committer.commit().unwrap_err().kind, ErrorKind::Internal);
    assert!(Process::start(&store).unwrap().offsets.is_empty());
}

#[test]
fn orphans_are_swept_and_what_lies_beyond_the_newest_manifest_is_not() {
    let store = Store::open("memory://").unwrap();
    two_commits(&store);
    let (orphan, beyond) = (segment_path(3, 9), segment_path(5, 9));
    for path in [&orphan, &beyond] {
        store.create(path, object_store::PutPayload::default()).unwrap();
    }
    // This start claims number 4.
    let process = Process::start(&store).unwrap();
    assert_eq!(process.recovered.manifest.unwrap().number, 3);
    let segments: Vec<_> = names(&store, "log").into_iter().filter(|name| name.ends_with(".seg")).collect();
    let kept = [segment_path(2, 1), segment_path(3, 1), beyond].map(|path| path.to_string());
    assert_eq!(segments, kept);
}

#[test]
fn files_that_no_commit_knows_are_removed_and_committed_ones_never() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    let mut process = Process::start(&store).unwrap();
    process.run_to(20).unwrap();
    let rolled_to = process.committer.commit().unwrap().number - 1;
    let day = "events/orders/_date=2026-03-01";
    // Of rolled commits and in no record; not of a roll at all.
    let orphans =
        [format!("{day}/000000000001-{rolled_to:012}.parquet"), "views/x/000000000002-000000000002.parquet".into()];
    let kept = [
        format!("{day}/00002-00002.parquet"),
        format!("{day}/part-00000.parquet"),
        "events/orders/_delta_log/notes.txt".into(),
    ];
    for path in orphans.iter().chain(&kept) {
        store.create(&Path::from(path.as_str()), "x").unwrap();
    }
    let half_written = folder.path().join(format!("{day}/x.parquet#77"));
    std::fs::write(&half_written, "x").unwrap();
    let before = walk(folder.path());
    drop(Process::start(&store).unwrap());
    let after = walk(folder.path());
    let gone: BTreeSet<_> = before.iter().filter(|path| !after.contains(path)).cloned().collect();
    let expected = orphans.iter().map(|path| folder.path().join(path)).chain([half_written]);
    let manifests: BTreeSet<_> = gone.iter().filter(|path| path.contains("/log/")).cloned().collect();
    let expected: BTreeSet<_> = expected.map(|path| path.display().to_string()).collect();
    assert_eq!(gone.difference(&manifests).cloned().collect::<BTreeSet<_>>(), expected);
    kept.iter().for_each(|path| store.delete(&Path::from(path.as_str())).unwrap());
    Process::start(&store).unwrap().run_to(END).unwrap();
    Files::assert_complete(&store, END);
}

#[test]
fn a_start_beside_a_roll_leaves_its_files_alone() {
    let store = Store::open("memory://").unwrap();
    let mut process =
        Process::start_with(&store, orders(), "v1", HistorySettings { roll_bytes: 1, ..settings() }).unwrap();
    for _ in 0..2 {
        process.next_epoch(5, END).unwrap();
        process.committer.commit().unwrap();
    }
    // The second roll is executed, and no manifest says so yet: as if the process had died here.
    let files = names(&store, "events");
    let manifest = process.recovered.end.log.newest.number;
    assert!(files.len() > 2 && manifest == 1, "{files:?}");
    let next = Process::start(&store).unwrap();
    assert!(next.recovered.end.log.newest.roller.rolling.is_some());
    assert_eq!(names(&store, "events"), files);
}

#[test]
fn switched_off_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    let off = HistorySettings { enabled: false, ..settings() };
    let mut process = Process::start_with(&store, orders(), "v1", off).unwrap();
    process.run_to(END).unwrap();
    assert_eq!(process.committer.pending_bytes(), 0);
    assert!(walk(folder.path()).is_empty());
}
