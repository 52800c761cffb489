//! Tables with the option `retention`: what a tick costs, and what the saved state forgets.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use rebateflow::catalog::SourceFile;
use rebateflow::changes::{Changes, EventBatch};
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;

const MINUTE: i64 = 60_000_000;
/// 2026-01-01 00:00:00 UTC.
const START: i64 = 1_767_225_600_000_000;

fn engine(key: &str) -> Engine {
    let sql = format!(
        "CREATE TABLE t (id BIGINT NOT NULL{key}) WITH (retention = '1 hour');
         CREATE MATERIALIZED VIEW ids AS SELECT id FROM t;"
    );
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    engine.begin_clock(START);
    engine.create(&SourceFile::new("t.sql", sql)).expect("valid SQL");
    engine.keep_checkpoints().expect("it notes");
    engine
}

const KEYS: [&str; 2] = ["", ", PRIMARY KEY (id)"];

/// Events of these ids, all at one time.
fn apply(engine: &mut Engine, ids: std::ops::Range<i64>, timestamp_us: i64) {
    let table = engine.table("t").expect("the table").clone();
    let offset = ids.start;
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    let rows = RecordBatch::try_from_iter([("id", column)]).expect("rows");
    let events = EventBatch::of_rows(&table, &rows, offset, timestamp_us).expect("events").rows;
    engine.apply(BTreeMap::from([("t".into(), Changes::inserts(events))])).expect("an epoch");
    engine.publish(vec![]).expect("published");
}

fn rows(engine: &Engine) -> usize {
    engine.rows("ids").expect("rows").num_rows()
}

/// State rows read, and bytes held, by the operator that leaves out what is passed.
fn figures(engine: &Engine) -> (u64, usize) {
    let statistics = engine.statistics();
    let of_it = statistics.iter().filter(|node| node.name.starts_with("retained"));
    of_it.fold((0, 0), |(read, bytes), node| (read + node.touched.read, bytes + node.bytes))
}

/// Rows that a tick reads that passes two; bytes before and after all are passed; bytes of everything each time
/// that as many rows have come.
fn fill(key: &str, young: i64) -> (u64, (usize, usize), Vec<usize>) {
    let mut engine = engine(key);
    apply(&mut engine, 0..young, START + 10 * MINUTE);
    apply(&mut engine, young..young + 2, START);
    let (before, full) = (figures(&engine), engine.state_bytes());
    engine.tick(START + 60 * MINUTE).expect("forward");
    assert_eq!(rows(&engine), young as usize + 2, "readers see what is published");
    engine.publish(vec![]).expect("published");
    assert_eq!(rows(&engine), young as usize);
    let read = figures(&engine).0 - before.0;
    engine.tick(START + 70 * MINUTE).expect("forward");
    engine.publish(vec![]).expect("published");
    assert_eq!(rows(&engine), 0);
    let after = figures(&engine).1;
    let mut full = vec![full];
    for time in 1..10 {
        let ids = young * 2 * time..young * 2 * time + young;
        apply(&mut engine, ids, START + 70 * MINUTE * time);
        full.push(engine.state_bytes());
        assert_eq!(rows(&engine), young as usize);
        engine.tick(START + 70 * MINUTE * (time + 1)).expect("forward");
        engine.publish(vec![]).expect("published");
    }
    (read, (before.1, after), full)
}

#[test]
fn a_tick_reads_what_it_passes_and_memory_is_used_again() {
    for key in KEYS {
        let (few, many) = (fill(key, 100), fill(key, 20_000));
        println!("key {key:?}: {few:?} {many:?}");
        assert_eq!((few.0, many.0), (2, 2), "two rows are passed");
        let (_, (before, after), full) = many;
        // The table of keys keeps its places for later ones.
        let left = if key.is_empty() { before / 100 } else { before * 2 / 3 };
        assert!(after < left, "{after} of {before} bytes are held for no row");
        // What is dead is used again. Tables of places keep the size of their fullest time.
        assert!(full[9] < full[1] * 5 / 4, "it grows: {full:?}");
    }
}

#[test]
fn saved_state_forgets_what_was_passed_before_it_was_given_back() {
    for key in KEYS {
        let mut engine = engine(key);
        apply(&mut engine, 0..10, START);
        apply(&mut engine, 10..15, START + 30 * MINUTE);
        let saved = |engine: &mut Engine| {
            let checkpoint = engine.checkpoint().expect("a checkpoint");
            let rows = checkpoint.tables.iter().flat_map(|(_, rows)| rows).map(RecordBatch::num_rows).sum::<usize>();
            (rows, checkpoint)
        };
        let (before, mut checkpoint) = saved(&mut engine);
        // The process ended after a tick that no checkpoint has.
        checkpoint.as_of_us = START + 61 * MINUTE;
        engine.restart_from(&checkpoint).expect("a restart");
        assert_eq!((before, rows(&engine)), (15, 5), "{key}");
        assert_eq!(saved(&mut engine).0, 5, "{key}");
    }
}
