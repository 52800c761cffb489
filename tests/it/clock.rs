//! The table `clock`: a restart begins where the last epoch stood, and the first tick brings what changed in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::Int64Type;
use rebateflow::catalog::SourceFile;
use rebateflow::changes::{Changes, EventBatch};
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;

const SECOND: i64 = 1_000_000;
/// 2026-01-01 00:00:00 UTC.
const START: i64 = 1_767_225_600 * SECOND;

const SQL: &str = "CREATE TABLE t (id BIGINT NOT NULL, at TIMESTAMP(6) NOT NULL);
CREATE MATERIALIZED VIEW minute AS SELECT id FROM t CROSS JOIN clock WHERE at > as_of - INTERVAL '60 seconds';";

fn engine(as_of_us: i64) -> Engine {
    let mut engine = Engine::new(1, Clock::System).expect("an engine");
    engine.begin_clock(as_of_us);
    engine.create(&SourceFile::new("clock.sql", SQL)).expect("valid SQL");
    engine
}

/// An event every ten seconds from `START`.
fn apply(engine: &mut Engine, ids: std::ops::Range<i64>) {
    let table = engine.table("t").expect("the table").clone();
    let at = ids.clone().map(|id| Some(START + id * 10 * SECOND));
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids))),
        ("at", Arc::new(at.collect::<TimestampMicrosecondArray>())),
    ];
    let rows = RecordBatch::try_from_iter(columns).expect("rows");
    let events = EventBatch::of_rows(&table, &rows, 0, 0).expect("events").rows;
    engine.apply(BTreeMap::from([("t".into(), Changes::inserts(events))])).expect("an epoch");
    engine.publish(vec![]).expect("published");
}

fn ids(rows: &RecordBatch) -> Vec<i64> {
    let mut ids: Vec<i64> = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
    ids.sort_unstable();
    ids
}

#[test]
fn a_restart_stands_where_it_stopped_and_the_first_tick_brings_the_rest() {
    let mut before = engine(START);
    apply(&mut before, 0..20);
    before.tick(START + 120 * SECOND).expect("forward");
    before.publish(vec![]).expect("published");
    let held = ids(&before.rows("minute").expect("rows"));
    assert_eq!(held, (7..20).collect::<Vec<_>>());
    assert!(before.tick(START + 120 * SECOND).is_err(), "the clock moves forward only");

    let mut after = engine(before.as_of_us());
    apply(&mut after, 0..20);
    assert_eq!(ids(&after.rows("minute").expect("rows")), held);
    let output = after.tick(START + 150 * SECOND).expect("forward");
    let (view, changes) = &output.views[0];
    assert_eq!((&**view, ids(&changes.rows)), ("minute", vec![7, 8, 9]));
    assert_eq!(changes.weights, [-1, -1, -1]);
}

#[test]
fn a_tick_touches_what_enters_and_leaves() {
    let touched = |rows: i64| {
        let mut engine = engine(START + rows * 10 * SECOND);
        apply(&mut engine, 0..rows);
        let read = |engine: &Engine| -> u64 {
            let of_filter = |name: &str| name == "range filter";
            engine.statistics().iter().filter(|node| of_filter(node.name)).map(|node| node.touched.read).sum()
        };
        let before = read(&engine);
        engine.tick(START + (rows * 10 + 20) * SECOND).expect("forward");
        read(&engine) - before
    };
    assert_eq!(touched(100), touched(10_000));
    assert!(touched(100) > 0, "two rows leave");
}
