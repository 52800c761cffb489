//! The Delta log of each dataset: read back by a few lines here after every crash, and by other readers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;
use std::process::{Command, Stdio};
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use object_store::path::Path;
use rebateflow::catalog::Table;
use rebateflow::clock::Clock;
use rebateflow::history::{HistorySettings, Store, read_archive};
use serde_json::Value;

use super::world::{Files, Process, column, orders, settings};

const END: i64 = 40;

/// A Delta log, read by the rules of the protocol.
#[derive(Debug, Default)]
pub struct DeltaLog {
    pub entries: usize,
    /// Statistics of each file, by its path below the folder.
    pub files: BTreeMap<String, Value>,
    /// One of each `metaData`: the names of the columns.
    pub schemas: Vec<Vec<String>>,
}

impl DeltaLog {
    pub fn read(store: &Store, folder: &str) -> DeltaLog {
        let mut log = DeltaLog::default();
        let mut identifiers = BTreeSet::new();
        for path in store.list_flat(&Path::from(format!("{folder}/_delta_log"))).unwrap() {
            assert_eq!(path.filename(), Some(&*format!("{:020}.json", log.entries)));
            let bytes = store.read(&path).unwrap();
            for line in std::str::from_utf8(&bytes).unwrap().lines() {
                let action: Value = serde_json::from_str(line).unwrap();
                if let Some(protocol) = action.get("protocol") {
                    assert_eq!((log.entries, &protocol["minReaderVersion"]), (0, &Value::from(3)));
                }
                if let Some(metadata) = action.get("metaData") {
                    identifiers.insert(metadata["id"].to_string());
                    let schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
                    let fields = schema["fields"].as_array().unwrap();
                    log.schemas.push(fields.iter().map(|field| field["name"].as_str().unwrap().into()).collect());
                }
                if let Some(add) = action.get("add") {
                    let path = add["path"].as_str().unwrap().to_string();
                    let day = path.split('/').next().unwrap().strip_prefix("_date=").unwrap();
                    assert_eq!(add["partitionValues"]["_date"], day);
                    let stats = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
                    assert!(log.files.insert(path, stats).is_none(), "added twice: {add}");
                }
                if let Some(removed) = action.get("remove") {
                    let path = removed["path"].as_str().unwrap();
                    assert!(log.files.remove(path).is_some(), "removed, and not there: {removed}");
                }
            }
            log.entries += 1;
        }
        assert!(log.entries == 0 || (identifiers.len() == 1 && !log.schemas.is_empty()), "{identifiers:?}");
        log
    }
}

/// The folders of the datasets that have files.
fn folders(store: &Store) -> BTreeSet<String> {
    let all = ["events", "views", "dead_letters"].map(|top| store.list(&Path::from(top)).unwrap());
    let folder = |path: &Path| path.as_ref().split("/_d").next().unwrap().to_string();
    all.iter().flatten().map(folder).collect()
}

/// The Parquet files of a dataset, as its log names them.
fn files(store: &Store, folder: &str) -> BTreeSet<String> {
    let all = store.list(&Path::from(folder)).unwrap();
    let below = all.iter().map(|path| path.as_ref()[folder.len() + 1..].to_string());
    below.filter(|path| path.ends_with(".parquet")).collect()
}

/// Every log names files that are there, each once.
pub fn assert_logs_name_files(store: &Store) {
    for folder in folders(store) {
        let (log, files) = (DeltaLog::read(store, &folder), files(store, &folder));
        assert!(log.files.keys().all(|file| files.contains(file)), "{folder}: {log:?} and {files:?}");
    }
}

/// Every log names all files, and what it says of their rows is so.
pub fn assert_logs_are_complete(store: &Store) {
    for folder in folders(store) {
        let log = DeltaLog::read(store, &folder);
        assert_eq!(log.files.keys().cloned().collect::<BTreeSet<_>>(), files(store, &folder), "{folder}");
        for (file, stats) in log.files {
            let bytes = store.read(&Path::from(format!("{folder}/{file}"))).unwrap();
            let rows: usize = read_archive(bytes).unwrap().map(|rows| rows.unwrap().num_rows()).sum();
            assert_eq!(stats["numRecords"], rows, "{folder}/{file}");
        }
    }
}

fn wider() -> Table {
    Table { columns: [orders().columns, vec![column("size", DataType::Int64, true)]].concat(), ..orders() }
}

/// Four runs: rolled by size, with a column more, with another view, and with nothing new.
fn four_runs(store: &Store) {
    for (end, table, view) in [(10, orders(), "v1"), (20, wider(), "v1"), (END, wider(), "v2"), (END, wider(), "v2")] {
        Process::start_with(store, table, view, settings()).unwrap().run_to(end).unwrap();
    }
}

#[test]
fn each_dataset_is_a_delta_table_whose_columns_grow() {
    let store = Store::open("memory://").unwrap();
    four_runs(&store);
    assert_logs_are_complete(&store);
    let tables: Vec<String> = folders(&store).into_iter().collect();
    assert_eq!(tables, ["dead_letters", "events/orders", "views/counts/gen=1", "views/counts/gen=2"]);
    let log = DeltaLog::read(&store, "events/orders");
    assert!(log.entries > 4, "{log:?}");
    let metadata = ["_op", "_rest", "_topic", "_partition", "_offset", "_timestamp", "_epoch", "_date"];
    let with = |columns: &[&str]| columns.iter().chain(&metadata).map(|name| name.to_string()).collect::<Vec<_>>();
    assert_eq!(log.schemas, [with(&["id", "note"]), with(&["id", "note", "size"])]);
    assert_eq!(DeltaLog::read(&store, "views/counts/gen=2").schemas.len(), 1);
}

#[test]
fn bounds_are_those_of_the_rows() {
    let store = Store::open("memory://").unwrap();
    let mut process = Process::start_with(&store, wider(), "v1", HistorySettings::default()).unwrap();
    process.next_epoch(20, END).unwrap();
    process.committer.close().unwrap();
    let log = DeltaLog::read(&store, "events/orders");
    let [stats] = &log.files.values().collect::<Vec<_>>()[..] else { panic!("{log:?}") };
    // Offsets 3 and 2 of the partitions are rejected; the time of an event is its offset in milliseconds.
    let bounds = |of: &str| ["_partition", "_offset", "size", "_timestamp"].map(|name| stats[of][name].to_string());
    assert_eq!(bounds("minValues"), ["0", "0", "0", "\"1970-01-01T00:00:00.000000\""]);
    assert_eq!(bounds("maxValues"), ["1", "19", "19", "\"1970-01-01T00:00:00.019000\""]);
    assert_eq!(bounds("nullCount"), ["0", "0", "0", "0"]);
    assert!(stats["minValues"].get("note").is_none(), "texts have no bounds: {stats}");
}

#[test]
fn an_entry_of_somebody_else_is_stepped_over() {
    let store = Store::open("memory://").unwrap();
    let mut process = Process::start(&store).unwrap();
    process.run_to(10).unwrap();
    let before = DeltaLog::read(&store, "events/orders");
    let foreign = format!("events/orders/_delta_log/{:020}.json", before.entries);
    store.create(&Path::from(foreign), "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n").unwrap();
    process.run_to(20).unwrap();
    drop(process);
    Process::start(&store).unwrap().run_to(END).unwrap();
    Files::assert_complete(&store, END);
    assert!(DeltaLog::read(&store, "events/orders").entries > before.entries + 2);
}

#[test]
fn a_directory_without_logs_gets_them_with_all_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    Process::start(&store).unwrap().run_to(20).unwrap();
    // As an older version left it: no logs, and a manifest that does not know of any.
    for log in folders(&store).iter().flat_map(|f| store.list(&Path::from(format!("{f}/_delta_log"))).unwrap()) {
        store.delete(&log).unwrap();
    }
    let manifests = store.list_flat(&Path::from("log")).unwrap();
    let newest = manifests.last().unwrap();
    let text = String::from_utf8(store.read(newest).unwrap().to_vec()).unwrap();
    let at = text.find(",\"delta\":{").expect("the logs");
    let end = at + text[at..].find("}}").expect("their end") + 2;
    let rest = format!("{}{}", &text[31..at], &text[end..]);
    let sealed = format!("{{\"checksum\":\"{:016x}\",{rest}", xxhash_rust::xxh3::xxh3_64(rest.as_bytes()));
    store.delete(newest).unwrap();
    store.create(newest, sealed).unwrap();
    Process::start(&store).unwrap().run_to(END).unwrap();
    Files::assert_complete(&store, END);
}

/// Rolls follow close upon each other, and days end, while others read.
#[test]
fn readers_in_a_loop_never_miss_a_row_and_never_see_one_twice() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    let script = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/watch.py");
    let stop = folder.path().join("stop");
    let mut command = Command::new(python);
    command
        .arg(script)
        .arg(folder.path().join("events/orders"))
        .arg(&stop)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let watcher = command.spawn().unwrap();
    for end in (50..=300).step_by(50) {
        // Every start is one after a kill: nothing was closed.
        let mut process = Process::start(&store).unwrap();
        while process.next_epoch(3, end).unwrap() {
            process.clock.set(process.clock.now_us() + 3_600_000_000);
            process.committer.commit().unwrap();
            Clock::System.sleep(Duration::from_millis(20));
        }
    }
    Process::start(&store).unwrap().run_to(300).unwrap();
    std::fs::write(stop, "").unwrap();
    let ran = watcher.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{out}");
    Files::assert_complete(&store, 300);
    // Enough was seen to mean something.
    let states = out.lines().map(|line| line.split([' ', ',']).nth(1).unwrap().parse::<usize>().unwrap());
    assert!(states.clone().count() == 2 && states.min() > Some(4), "{out}");
}

/// Python with the readers; None: REBATEFLOW_SKIP_KAFKA=1 says that nothing is there beside Rust.
fn python() -> Option<String> {
    if std::env::var("REBATEFLOW_SKIP_KAFKA").as_deref() == Ok("1") {
        eprintln!("skipped: REBATEFLOW_SKIP_KAFKA is 1");
        return None;
    }
    Some(std::env::var("REBATEFLOW_TEST_PYTHON").expect("REBATEFLOW_TEST_PYTHON: run tests/run.sh"))
}

#[test]
fn other_readers_of_delta_find_what_a_glob_finds() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    four_runs(&store);
    let produced = folder.path().join("produced.json");
    std::fs::write(&produced, format!("{{\"next_offsets\": {{\"orders\": {{\"0\": {END}, \"1\": {END}}}}}}}")).unwrap();
    let script = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/check.py");
    let mut command = Command::new(python);
    let ran = command.arg(script).arg(folder.path()).arg("--produced").arg(produced).output().unwrap();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && out.ends_with("all equal\n"), "{out}");
    for reader in ["deltalake", "polars delta"] {
        for table in ["dead_letters", "events/orders", "views/counts/gen=1", "views/counts/gen=2"] {
            assert!(out.contains(&format!("{reader}: {table}: ")), "{out}");
        }
    }
}
