//! The product's own tables and views over the generator's rows: identical contents however the events are cut into
//! epochs, and equal to the batch oracle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use rebateflow::catalog::{Catalog, Table};
use rebateflow::changes::Changes;
use rebateflow::clock::Clock;
use rebateflow::demo::{Generator, GeneratorOptions, Row, rows_to_batch};
use rebateflow::engine::Engine;
use rebateflow::slt::{BatchAnswer, difference, sorted_lines};

use crate::cut::VIEWS;
use crate::event_batch::event_batch;

const EVENTS: usize = 6_000;
/// Rows an epoch. The smallest is run over a part of the events.
const SPLITS: [usize; 3] = [EVENTS, 1_000, 37];
const SMALL_EVENTS: usize = 2_000;

type Contents = BTreeMap<String, Vec<String>>;

fn catalog() -> Catalog {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    Catalog::load(&top.join("schemas"), &top.join("sql")).expect("the product's catalog")
}

fn rows(events: usize) -> Vec<Row> {
    let options = GeneratorOptions { disorder_share: 0.1, users: 50, ..Default::default() };
    Generator::new(options).filter_map(|generated| generated.row).take(events).collect()
}

/// Events of one table. `offsets`: one a row.
fn events(table: &Table, rows: &[Row], offsets: &[i64]) -> RecordBatch {
    event_batch(table, rows_to_batch(table, rows).expect("rows of this table").columns().to_vec(), offsets)
}

/// The rows of each table, with their positions in `rows`.
fn by_table<'a>(catalog: &'a Catalog, rows: &'a [Row], first: usize) -> Vec<(&'a Arc<Table>, Vec<Row>, Vec<i64>)> {
    let of = |table: &'a Arc<Table>| {
        let own = || rows.iter().enumerate().filter(|(_, row)| row.table() == table.name);
        let offsets = own().map(|(i, _)| (first + i) as i64).collect();
        (table, own().map(|(_, row)| row.clone()).collect(), offsets)
    };
    catalog.tables.iter().map(of).collect()
}

fn engine_over(catalog: &Catalog, rows: &[Row], epoch_rows: usize) -> Engine {
    let mut engine = Engine::for_catalog(catalog, Clock::System).expect("the product's views are maintained");
    for (number, chunk) in rows.chunks(epoch_rows).enumerate() {
        let tables = by_table(catalog, chunk, number * epoch_rows);
        let tables = tables.into_iter().filter(|(_, rows, _)| !rows.is_empty());
        let changes = tables.map(|(table, rows, offsets)| {
            let batch = events(table, &rows, &offsets);
            (Arc::from(table.name.as_str()), Changes::inserts(batch))
        });
        engine.apply(changes.collect()).expect("an epoch");
        engine.publish(vec![]).expect("a published epoch");
    }
    engine
}

fn contents(engine: &Engine) -> Contents {
    let views: Vec<String> = engine.views().map(|view| view.name.clone()).collect();
    let lines = |view: String| {
        let rows = engine.rows(&view).expect("a view's rows");
        (view, sorted_lines(&rows).expect("rows as text"))
    };
    views.into_iter().map(lines).collect()
}

/// What DataFusion answers over the newest rows of each table.
fn batch_contents(engine: &Engine, catalog: &Catalog, rows: &[Row]) -> Contents {
    let mut answer = BatchAnswer::new().expect("a batch session");
    for (table, rows, offsets) in by_table(catalog, rows, 0) {
        answer.add_events(table, &events(table, &rows, &offsets)).expect("events");
    }
    let views = answer.contents(engine).expect("the batch answer");
    let lines = |(view, rows): (String, RecordBatch)| (view, sorted_lines(&rows).expect("rows as text"));
    views.into_iter().map(lines).collect()
}

fn assert_same(expected: &Contents, found: &Contents, what: &str) {
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (view, lines) in expected {
        if let Some(difference) = difference(lines, &found[view]) {
            panic!("view {view}, {what}:\n{difference}");
        }
    }
}

#[test]
fn every_split_gives_the_batch_answer() {
    let (catalog, rows) = (catalog(), rows(EVENTS));
    let mut expected = None;
    for epoch_rows in SPLITS {
        let engine = engine_over(&catalog, &rows, epoch_rows);
        let expected = expected.get_or_insert_with(|| batch_contents(&engine, &catalog, &rows));
        assert_same(expected, &contents(&engine), &format!("{epoch_rows} rows an epoch"));
        let states = engine.hot().snapshot();
        let faults: Vec<_> = states.views.iter().filter(|(_, s)| s.errors != 0 || s.failed.is_some()).collect();
        assert!(faults.is_empty(), "{faults:?}");
    }
    let expected = expected.expect("a batch answer");
    for view in VIEWS {
        assert!(expected[view].len() >= 20, "{view} has {} rows", expected[view].len());
    }
}

#[test]
fn a_row_an_epoch_gives_the_batch_answer() {
    let (catalog, rows) = (catalog(), rows(SMALL_EVENTS));
    let engine = engine_over(&catalog, &rows, 1);
    let expected = batch_contents(&engine, &catalog, &rows);
    assert_same(&expected, &contents(&engine), "a row an epoch");
    let lines = expected["txn_latest"].len();
    assert!(lines >= 10, "txn_latest has {lines} rows");
}
