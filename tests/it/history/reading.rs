//! Readers beside the writer: each row up to the pinned commit once, whatever is rolled meanwhile; and SQL over it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Method;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use object_store::path::Path;
use rebateflow::catalog::Table;
use rebateflow::checkpoint::Offsets;
use rebateflow::clock::Clock;
use rebateflow::error::{Error, ErrorKind};
use rebateflow::history::{Dataset, HistoryPin, HistoryReader, HistorySettings, Store};
use rebateflow::hot::Hot;
use rebateflow::query::{Format, Outcome, Sql, SqlLimits, SqlRequest};
use rebateflow::serve::{AppState, app};
use rebateflow::tasks::spawn_thread;
use serde_json::{Value, json};

use crate::http::world::send;

use super::world::{At, Counts, Process, accepted, assert_exactly, column, orders, positions, settings};

const END: i64 = 60;

fn orders_dataset() -> Dataset {
    Dataset::Events("orders".into())
}

fn counts_dataset(generation: u32) -> Dataset {
    Dataset::View { name: "counts".into(), generation }
}

/// The next rows of a dataset; None at the end.
fn next(rows: &mut rebateflow::history::DatasetRows) -> Option<RecordBatch> {
    rows.next(&mut |_| Ok(())).unwrap()
}

fn events(pin: &HistoryPin) -> Vec<At> {
    let mut rows = pin.rows(&orders_dataset(), pin.schema(&orders_dataset()).unwrap());
    std::iter::from_fn(|| next(&mut rows)).flat_map(|rows| positions(&rows, "_partition", "_offset", "note")).collect()
}

/// A view's changes added up: its rows.
fn folded(batches: &[RecordBatch]) -> Counts {
    let mut counts = std::collections::BTreeMap::new();
    for rows in batches {
        let partitions = rows.column_by_name("partition").unwrap().as_primitive::<Int32Type>();
        let numbers = rows.column_by_name("n").unwrap().as_primitive::<Int64Type>();
        let change = rows.column_by_name("_change").unwrap().as_string::<i32>();
        for i in 0..rows.num_rows() {
            let weight = if change.value(i) == "insert" { 1 } else { -1 };
            *counts.entry((partitions.value(i), numbers.value(i))).or_insert(0) += weight;
        }
    }
    counts.retain(|_, weight| *weight != 0);
    assert!(counts.values().all(|weight| *weight == 1), "{counts:?}");
    counts.into_keys().collect()
}

fn counts(pin: &HistoryPin) -> Counts {
    let mut rows = pin.rows(&counts_dataset(1), pin.schema(&counts_dataset(1)).unwrap());
    folded(&std::iter::from_fn(|| next(&mut rows)).collect::<Vec<_>>())
}

fn counts_at(offsets: &Offsets) -> Counts {
    let mut counts = Counts::new();
    accepted(offsets).iter().for_each(|at| *counts.entry(at.0).or_default() += 1);
    counts
}

/// Everything that the pin's manifest says, once, and nothing else.
fn assert_exact(pin: &HistoryPin) {
    let offsets = &pin.manifest().offsets;
    assert_exactly(events(pin), &accepted(offsets), "events");
    assert_eq!(counts(pin), counts_at(offsets));
}

/// The same for whoever reads this store now.
pub fn assert_readers_are_exact(store: &Store) {
    HistoryReader::new(store.clone()).pin().unwrap().iter().for_each(assert_exact);
}

#[test]
fn a_pin_reads_all_up_to_its_commit_at_every_step() {
    let store = Store::open("memory://").unwrap();
    let reader = HistoryReader::new(store.clone());
    assert!(reader.pin().unwrap().is_none());
    let mut pins = vec![];
    for end in [END / 2, END] {
        // Each pass is a start of its own, and rolls by size.
        let mut process = Process::start(&store).unwrap();
        while process.next_epoch(3, end).unwrap() {
            process.committer.commit().unwrap();
            let pin = reader.pin().unwrap().unwrap();
            assert_eq!(&pin.manifest().offsets, process.committer.committed_offsets());
            assert_exact(&pin);
            pins.push(pin);
        }
    }
    let rolled: BTreeSet<u64> = pins.iter().map(|pin| pin.manifest().roller.rolled_to).collect();
    assert!(rolled.len() > 4, "{rolled:?}");
    // Most of what they were to read from segments is rolled now.
    pins.iter().for_each(assert_exact);
    // A reader that has seen nothing before finds the same.
    let fresh = HistoryReader::new(store).pin().unwrap().unwrap();
    assert_eq!(&fresh.manifest().number, &pins.last().unwrap().manifest().number);
    assert_exact(&fresh);
}

/// Seven commits that are not rolled.
fn seven_commits(store: &Store) -> Process {
    let never = HistorySettings { roll_bytes: u64::MAX, roll_after_ms: u64::MAX, ..settings() };
    let mut process = Process::start_with(store, orders(), "v1", never).unwrap();
    for _ in 0..7 {
        process.next_epoch(3, END).unwrap();
        process.committer.commit().unwrap();
    }
    process
}

#[test]
fn a_reader_goes_on_where_segments_are_rolled_away() {
    for read_before in 0..=7 {
        for second_roll in [false, true] {
            let store = Store::open("memory://").unwrap();
            let mut process = seven_commits(&store);
            if second_roll {
                // What is read is in a rolled file already, and then in segments.
                process.committer.close().unwrap();
                for _ in 0..3 {
                    process.next_epoch(2, END).unwrap();
                    process.committer.commit().unwrap();
                }
            }
            let pin = HistoryReader::new(store.clone()).pin().unwrap().unwrap();
            // Without `_epoch`, by which the rows are found again.
            let schema = pin.schema(&orders_dataset()).unwrap().unwrap();
            let wanted = ["_partition", "_offset", "note"].map(|name| schema.index_of(name).unwrap());
            let mut rows = pin.rows(&orders_dataset(), Some(Arc::new(schema.project(&wanted).unwrap())));
            let mut seen = vec![];
            for _ in 0..read_before {
                seen.extend(next(&mut rows).iter().flat_map(|rows| positions(rows, "_partition", "_offset", "note")));
            }
            process.next_epoch(4, END).unwrap();
            process.committer.close().unwrap();
            process.next_epoch(4, END).unwrap();
            process.committer.close().unwrap();
            let left: Vec<_> = store.list(&Path::from("log")).unwrap();
            assert!(left.iter().all(|path| !path.as_ref().ends_with(".seg")), "{left:?}");
            while let Some(rows) = next(&mut rows) {
                assert_eq!(rows.num_columns(), 3);
                seen.extend(positions(&rows, "_partition", "_offset", "note"));
            }
            assert_exactly(seen, &accepted(&pin.manifest().offsets), "events");
            assert_eq!(counts(&pin), counts_at(&pin.manifest().offsets));
        }
    }
}

#[test]
fn a_segment_that_is_nowhere_is_an_error_and_not_a_shorter_answer() {
    let store = Store::open("memory://").unwrap();
    let _process = seven_commits(&store);
    let pin = HistoryReader::new(store.clone()).pin().unwrap().unwrap();
    let segments = store.list_flat(&Path::from("log")).unwrap();
    let lost = segments.iter().rfind(|path| path.as_ref().ends_with(".seg")).unwrap();
    store.delete(lost).unwrap();
    let mut rows = pin.rows(&orders_dataset(), None);
    let error = loop {
        match rows.next(&mut |_| Ok(())) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the lost segment is not missed"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind, error.message), (ErrorKind::Data, format!("{lost} is missing")));
}

#[test]
fn a_reader_beside_a_writer_that_rolls_all_the_time_never_sees_a_hole_or_a_double() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    let mut process = Process::start(&store).unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let told = ended.clone();
    let writer = spawn_thread("writer", move || {
        while process.next_epoch(1, 150).unwrap() {
            process.committer.commit().unwrap();
        }
        told.store(true, Ordering::Release);
        process.committer.close().unwrap();
    });
    let reader = HistoryReader::new(store);
    let mut commits = BTreeSet::new();
    loop {
        let last = ended.load(Ordering::Acquire);
        let pin = reader.pin().unwrap().unwrap();
        assert_exact(&pin);
        commits.insert(pin.manifest().number);
        if last {
            break;
        }
    }
    writer.unwrap().join().unwrap();
    assert!(commits.len() > 5, "{commits:?}");
}

fn sql(store: &Store, limits: SqlLimits) -> Sql {
    Sql::new(limits).unwrap().with_history(HistoryReader::new(store.clone()))
}

/// The answer of a query as JSON.
async fn ask(sql: &Sql, query: &str) -> Result<Value, Error> {
    let request = SqlRequest { query: query.into(), limit: None, format: Format::Json };
    match sql.run(Hot::new(1).snapshot(), request).await? {
        Outcome::Answer(answer) => Ok(serde_json::from_slice(&answer.body).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sql_reads_events_and_changes_up_to_the_last_commit() {
    let store = Store::open("memory://").unwrap();
    let sql = sql(&store, SqlLimits::default());
    let mut process = Process::start(&store).unwrap();
    for end in [20, 40, END] {
        while process.next_epoch(4, end).unwrap() {
            process.committer.commit().unwrap();
        }
        let count = accepted(process.committer.committed_offsets()).len();
        let answer = ask(&sql, "SELECT COUNT(*) AS n FROM events.orders").await.unwrap();
        assert_eq!(answer["rows"], json!([{ "n": count }]));
        assert_eq!(answer["history_epoch"], json!(format!("1.{}", process.epoch)));
        let state = "SELECT partition, n FROM history.counts GROUP BY partition, n \
                     HAVING SUM(CASE _change WHEN 'insert' THEN 1 ELSE -1 END) > 0 ORDER BY 1";
        let expected = process.counts.iter().map(|(partition, n)| json!({ "partition": partition, "n": n }));
        assert_eq!(ask(&sql, state).await.unwrap()["rows"], expected.collect::<Value>());
    }
    // One pin for all: joined with itself every event finds itself, and the columns are the documented ones.
    let itself = "SELECT COUNT(*) AS n, COUNT(DISTINCT a._epoch) AS epochs FROM events.orders a JOIN events.orders b \
                  ON a._topic = b._topic AND a._partition = b._partition AND a._offset = b._offset";
    let answer = ask(&sql, itself).await.unwrap();
    let count = accepted(process.committer.committed_offsets()).len();
    assert_eq!(answer["rows"][0]["n"], json!(count));
    let names = |answer: &Value| -> Vec<String> {
        answer["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().into()).collect()
    };
    let answer = ask(&sql, "SELECT * FROM events.orders LIMIT 3").await.unwrap();
    let expected = ["id", "note", "_op", "_rest", "_topic", "_partition", "_offset", "_timestamp", "_epoch"];
    assert_eq!((names(&answer), answer["rows"].as_array().unwrap().len()), (expected.map(String::from).to_vec(), 3));
    let answer = ask(&sql, "SELECT * FROM history.counts ORDER BY _epoch, n LIMIT 1").await.unwrap();
    assert_eq!(names(&answer), ["partition", "n", "_change", "_epoch", "_published_at"].map(String::from));
    assert_eq!(answer["rows"][0]["_published_at"], "2026-03-01T23:59:52Z");
}

#[tokio::test]
async fn http_says_up_to_which_epoch_the_history_is() {
    let store = Store::open("memory://").unwrap();
    let mut process = seven_commits(&store);
    let mut state = AppState::new(Arc::new(Hot::new(1)), Arc::default(), Arc::default(), Clock::System).unwrap();
    for (history, status) in [(false, 409), (true, 200)] {
        if history {
            state.sql = Arc::new(sql(&store, SqlLimits::default()));
        }
        let body = json!({ "query": "SELECT COUNT(*) AS n FROM events.orders" }).to_string();
        let answer = send(&app(state.clone()), Method::POST, "/v1/sql", &[], body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        if history {
            assert_eq!(answer.header("rebateflow-history-epoch"), format!("1.{}", process.epoch));
            assert_eq!(answer.json()["rows"][0]["n"], accepted(process.committer.committed_offsets()).len());
        } else {
            assert_eq!(answer.problem(409).0, "the history is switched off");
        }
    }
    process.committer.close().unwrap();
}

#[tokio::test]
async fn an_added_column_is_null_in_older_rows() {
    let store = Store::open("memory://").unwrap();
    drop(seven_commits(&store));
    let wider = Table { columns: [orders().columns, vec![column("size", DataType::Int64, true)]].concat(), ..orders() };
    let mut process = Process::start_with(&store, wider, "v1", settings()).unwrap();
    for rolls in [false, true] {
        process.next_epoch(2, END).unwrap();
        if rolls { process.committer.close() } else { process.committer.commit() }.unwrap();
        let query = "SELECT size IS NULL AS old, MIN(_offset) AS first, SUM(size - _offset) AS same FROM events.orders \
                     GROUP BY 1 ORDER BY 1";
        let rows = ask(&sql(&store, SqlLimits::default()), query).await.unwrap()["rows"].clone();
        let expected = json!([{"old": false, "first": 21, "same": 0}, {"old": true, "first": 0, "same": null}]);
        assert_eq!(rows, expected, "rolled: {rolls}");
    }
}

#[tokio::test]
async fn conditions_leave_out_files_and_no_rows() {
    let store = Store::open("memory://").unwrap();
    let sql = sql(&store, SqlLimits::default());
    let wider =
        || Table { columns: [orders().columns, vec![column("size", DataType::Int64, true)]].concat(), ..orders() };
    // Files without the column, files with it, and rows that are not rolled.
    for (table, end) in [(orders(), 30), (wider(), END)] {
        let mut process = Process::start_with(&store, table, "v1", settings()).unwrap();
        while process.next_epoch(2, end).unwrap() {
            process.committer.commit().unwrap();
        }
    }
    let all = ask(&sql, "SELECT * FROM events.orders").await.unwrap()["rows"].as_array().unwrap().len();
    assert!(all > 100 && names(&store, "events").len() > 6, "{all}");
    let mut found = BTreeSet::new();
    for value in [-1, 0, 7, 29, 30, 31, 44, 59, 60] {
        for column in ["_offset", "size", "CAST(_offset AS DOUBLE)", "id / 10", "_epoch - 8589934592"] {
            for sign in ["=", "<>", "<", ">", "<=", ">="] {
                // No statistics tell anything of the second condition.
                let holds = format!("{column} {sign} {value}");
                let plain = format!("CASE WHEN {holds} THEN random() >= 0 ELSE false END");
                let mut counts = vec![];
                for condition in [holds, plain] {
                    let query = format!("SELECT COUNT(*) AS n FROM events.orders WHERE {condition}");
                    counts.push(ask(&sql, &query).await.unwrap()["rows"][0]["n"].as_i64().unwrap());
                }
                assert_eq!(counts[0], counts[1], "{column} {sign} {value}");
                found.insert(counts[0]);
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    for (condition, rows) in [
        ("note = 'note of 1/31'", 1),
        ("note LIKE 'note of 0/5%'", 9),
        ("_timestamp >= TIMESTAMP '1970-01-01 00:00:00.059'", 1),
        ("size IS NULL AND _offset BETWEEN 28 AND 31", 4),
        ("_op = 'delete'", 0),
    ] {
        let query = format!("SELECT COUNT(*) AS n FROM events.orders WHERE {condition}");
        assert_eq!(ask(&sql, &query).await.unwrap()["rows"][0]["n"], rows, "{condition}");
    }
    // Rows of files that cannot hold any are not even looked at: the oldest one has only its footer left.
    let oldest = Path::from(names(&store, "events").into_iter().find(|name| name.ends_with(".parquet")).unwrap());
    let mut bytes = store.read(&oldest).unwrap().to_vec();
    bytes[4..1_000].fill(0);
    store.delete(&oldest).unwrap();
    store.create(&oldest, bytes).unwrap();
    let new = ask(&sql, "SELECT COUNT(*) AS n, MIN(note) AS m FROM events.orders WHERE _offset >= 50").await.unwrap();
    assert_eq!(new["rows"], json!([{"n": 16, "m": "note of 0/50"}]));
    let old = ask(&sql, "SELECT MIN(note) AS m FROM events.orders WHERE _offset >= 0").await.unwrap_err();
    assert_eq!((old.kind, old.message), (ErrorKind::Data, format!("{oldest} is damaged")));
}

fn names(store: &Store, folder: &str) -> Vec<String> {
    store.list(&Path::from(folder)).unwrap().iter().map(Path::to_string).collect()
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let store = Store::open("memory://").unwrap();
    let query = "SELECT 1 FROM history.counts";
    let off = ask(&Sql::new(SqlLimits::default()).unwrap(), query).await.unwrap_err();
    assert_eq!((off.kind, off.message.as_str()), (ErrorKind::Refused, "the history is switched off"));
    let sql = sql(&store, SqlLimits::default());
    let empty = ask(&sql, query).await.unwrap_err();
    assert_eq!((empty.kind, empty.message.as_str()), (ErrorKind::Unavailable, "nothing is committed yet"));
    drop(seven_commits(&store));
    for (query, message, hint) in [
        ("SELECT 1 FROM history.x", "no history of a view x is committed", "committed are: counts"),
        ("SELECT 1 FROM events.counts", "no events of a table counts are committed", "with events are: orders"),
        ("SELECT 1 FROM log.orders", "there is no schema in log.orders", "history.<view> or events.<table>"),
        ("SELECT 1 FROM a.events.orders", "there is no schema in a.events.orders", "events.<table>"),
        ("SELECT nothing FROM events.orders", "", ""),
    ] {
        let error = ask(&sql, query).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{query}: {error}");
        assert!(error.message.starts_with(message), "{query}: {error}");
        assert!(error.hint.as_deref().unwrap_or_default().ends_with(hint), "{query}: {error}");
    }
}

#[tokio::test]
async fn what_is_held_while_reading_counts_as_memory() {
    let store = Store::open("memory://").unwrap();
    let mut process = Process::start_with(&store, orders(), "v1", HistorySettings::default()).unwrap();
    process.next_epoch(20_000, 20_000).unwrap();
    process.committer.commit().unwrap();
    let small = sql(&store, SqlLimits { memory_bytes: 40_000, ..SqlLimits::default() });
    for rolled in [false, true] {
        if rolled {
            process.committer.close().unwrap();
        }
        let error = ask(&small, "SELECT MAX(note) AS n FROM events.orders").await.unwrap_err();
        assert_eq!(error.message, "the query needs more memory than is free for SQL", "rolled: {rolled}");
    }
    // Of a file only the columns that are named.
    let answer = ask(&small, "SELECT COUNT(*) AS n, MAX(_partition) AS p FROM events.orders").await.unwrap();
    assert_eq!(answer["rows"], json!([{"n": accepted(&process.offsets).len(), "p": 1}]));
}
