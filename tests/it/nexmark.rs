//! The queries of Nexmark over a seeded stream with late, doubled and corrected events: however the events are cut into
//! epochs, each view equals the batch oracle. The SQL is that of `tests/slt/nexmark`.

mod generator;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use generator::{Event, Value};
use rebateflow::catalog::{SourceFile, Table};
use rebateflow::changes::Changes;
use rebateflow::clock::Clock;
use rebateflow::dataflow::Workers;
use rebateflow::engine::Engine;
use rebateflow::slt::{BatchAnswer, difference, sorted_lines};

use crate::event_batch::event_batch;

const DIRECTORY: &str = "tests/slt/nexmark";
const QUERIES: usize = 23;
const SEED: u64 = 46;
const EVENTS: usize = 2_000;
const SMALL_EVENTS: usize = 200;

/// The tables and views of the scripts, each once.
fn definitions() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY);
    let paths = std::fs::read_dir(folder).expect("the scripts").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "slt")).collect();
    paths.sort();
    let mut found: Vec<String> = vec![];
    for path in paths {
        let text = std::fs::read_to_string(path).expect("a script");
        for record in text.split("\n\n") {
            let lines: Vec<&str> = record.trim().lines().skip_while(|line| line.starts_with('#')).skip(1).collect();
            let sql = lines.join("\n");
            if sql.starts_with("CREATE ") && !found.contains(&sql) {
                found.push(sql);
            }
        }
    }
    found
}

fn engine(shards: usize) -> Engine {
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    engine.use_workers(Arc::new(Workers::new(shards, 100).expect("threads")));
    for sql in definitions() {
        engine.create(&SourceFile::new("nexmark", &sql)).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
    assert_eq!(engine.views().count(), QUERIES);
    engine
}

fn wrong(value: &Value, data_type: &DataType) -> ! {
    panic!("{value:?} is no {data_type}")
}

fn array(data_type: &DataType, values: &[&Value]) -> ArrayRef {
    match data_type {
        DataType::Int64 => Arc::new(Int64Array::from_iter_values(values.iter().map(|value| match value {
            Value::Int(value) => *value,
            other => wrong(other, data_type),
        }))),
        DataType::Utf8 => Arc::new(StringArray::from_iter_values(values.iter().map(|value| match value {
            Value::Text(value) => value,
            other => wrong(other, data_type),
        }))),
        _ => Arc::new(TimestampMicrosecondArray::from_iter_values(values.iter().map(|value| match value {
            Value::Time(value) => *value,
            other => wrong(other, data_type),
        }))),
    }
}

/// The events of each table as a batch. `first`: the offset of the first event.
fn by_table(engine: &Engine, events: &[Event], first: usize) -> Vec<(Arc<Table>, RecordBatch)> {
    let batch = |table: &Arc<Table>| {
        let own = || events.iter().enumerate().filter(|(_, event)| event.table == table.name);
        let offsets: Vec<i64> = own().map(|(i, _)| (first + i) as i64).collect();
        let columns = table.columns.iter().enumerate().map(|(c, column)| {
            let values: Vec<&Value> = own().map(|(_, event)| &event.row[c]).collect();
            array(&column.data_type, &values)
        });
        (table.clone(), event_batch(table, columns.collect(), &offsets))
    };
    engine.tables().map(batch).filter(|(_, rows)| rows.num_rows() > 0).collect()
}

type Contents = BTreeMap<String, Vec<String>>;

fn contents(engine: &Engine) -> Contents {
    let lines = |view: String| {
        let rows = engine.rows(&view).expect("a view's rows");
        (view, sorted_lines(&rows).expect("rows as text"))
    };
    engine.views().map(|view| view.name.clone()).map(lines).collect()
}

fn batch_contents(engine: &Engine, events: &[Event]) -> Contents {
    let mut answer = BatchAnswer::new().expect("a batch session");
    for (table, rows) in by_table(engine, events, 0) {
        answer.add_events(&table, &rows).expect("events");
    }
    let views = answer.contents(engine).expect("the batch answer");
    let lines = |(view, rows): (String, RecordBatch)| (view, sorted_lines(&rows).expect("rows as text"));
    views.into_iter().map(lines).collect()
}

/// Applies the events in epochs of this size.
fn run(engine: &mut Engine, events: &[Event], epoch_rows: usize) {
    for (number, chunk) in events.chunks(epoch_rows).enumerate() {
        let tables = by_table(engine, chunk, number * epoch_rows);
        let changes = tables.into_iter().map(|(table, rows)| (table.name.as_str().into(), Changes::inserts(rows)));
        engine.apply(changes.collect()).expect("an epoch");
        engine.publish(vec![]).expect("a published epoch");
    }
}

fn assert_same(expected: &Contents, engine: &Engine, what: &str) {
    let found = contents(engine);
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (view, lines) in expected {
        if let Some(difference) = difference(lines, &found[view]) {
            panic!("view {view}, {what}:\n{difference}");
        }
    }
    let states = engine.hot().snapshot();
    let faults: Vec<_> = states.views.iter().filter(|(_, s)| s.errors != 0 || s.failed.is_some()).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn every_nexmark_query_equals_the_batch_answer_in_epochs_of_every_size_and_any_number_of_shards() {
    let events = generator::events(SEED, EVENTS);
    let mut expected: Option<Contents> = None;
    for (epoch_rows, shards) in [(events.len(), 1), (events.len(), 4), (700, 256), (61, 3)] {
        let mut engine = engine(shards);
        run(&mut engine, &events, epoch_rows);
        let expected = expected.get_or_insert_with(|| batch_contents(&engine, &events));
        assert_same(expected, &engine, &format!("{epoch_rows} events an epoch, {shards} shards"));
    }
    let empty: Vec<&String> = expected.iter().flatten().filter(|(_, rows)| rows.is_empty()).map(|(q, _)| q).collect();
    assert!(empty.is_empty(), "views without rows show nothing: {empty:?}");
}

#[test]
fn every_nexmark_query_equals_the_batch_answer_after_each_epoch() {
    let events = generator::events(SEED + 1, SMALL_EVENTS);
    let mut engine = engine(1);
    for (number, event) in events.iter().enumerate() {
        let tables = by_table(&engine, std::slice::from_ref(event), number);
        let changes = tables.into_iter().map(|(table, rows)| (table.name.as_str().into(), Changes::inserts(rows)));
        engine.apply(changes.collect()).expect("an epoch");
        engine.publish(vec![]).expect("a published epoch");
        // The oracle answers all queries anew each time.
        if number % 50 == 49 {
            assert_same(&batch_contents(&engine, &events[..=number]), &engine, &format!("after {} events", number + 1));
        }
    }
    assert_same(&batch_contents(&engine, &events), &engine, "a row an epoch");
}

#[test]
fn the_stream_has_the_shares_of_nexmark_and_its_faults() {
    let events = generator::events(SEED, EVENTS);
    assert_eq!(events, generator::events(SEED, EVENTS));
    let of = |table: &str| events.iter().filter(|event| event.table == table).count();
    let distinct = |table: &str| {
        let own = events.iter().filter(|event| event.table == table);
        own.map(|event| format!("{:?}", event.row)).collect::<BTreeSet<_>>().len()
    };
    let rounds = EVENTS / 50;
    assert_eq!(distinct("person"), rounds);
    assert!(distinct("auction") > 3 * rounds, "some auctions are corrected");
    assert!(distinct("bid") <= 46 * rounds && distinct("bid") > 46 * rounds - 10);
    assert!(of("bid") > 46 * rounds + 20, "some bids come twice");
    let time = |event: &&Event| event.row.iter().find_map(|v| if let Value::Time(t) = v { Some(*t) } else { None });
    let times: Vec<i64> = events.iter().filter(|event| event.table == "bid").filter_map(|e| time(&e)).collect();
    let late = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(late > 100, "only {late} bids are late");
}
