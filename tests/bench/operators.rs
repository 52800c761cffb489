//! What one change costs in each operator, beside ever more rows of state, and what a row of state takes.
//!
//! ```text
//! cargo bench --bench operators -- [--max-rows 100000] [--only join] [--epochs 31] [--shards 2 --changes 16000]
//! ```
//!
//! Each operator runs in a small view of its own on the public engine, whose rows are arranged for lookups as those of
//! any view; the time is that of whole epochs, published, of 1,000 changes: the median of `--epochs` of them. Shards share
//! an epoch only if it is large enough.

mod operator_cases;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use datafusion::arrow::array::{Array, RecordBatch};
use rebateflow::catalog::SourceFile;
use rebateflow::changes::{Changes, EventBatch};
use rebateflow::clock::Clock;
use rebateflow::dataflow::{PARALLEL_ROWS_MIN, Workers};
use rebateflow::engine::Engine;
use rebateflow::error::{Error, Result};

use crate::operator_cases::{CASES, Case, HOUR_US, TABLES, US_A_ROW, lefts, rights};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [i64; 3] = [1_000, 100_000, 10_000_000];
/// The size at which one key is compared with as many keys as rows.
const MIDDLE: i64 = SIZES[1];
/// Rows of an epoch that loads the state.
const LOAD_ROWS: i64 = 50_000;
/// A measurement ends after this time, but not before three epochs.
const MEASURE: Duration = Duration::from_secs(3);
const EPOCHS_MIN: usize = 3;
/// Bytes of a loaded row that the engine and this program hold beside the state: what was applied, to be replayed.
const LOG_BYTES: f64 = 120.0;

#[derive(Parser, Debug)]
struct Options {
    /// Sizes of state above this are left out; the greatest is 10,000,000.
    #[arg(long, default_value_t = MIDDLE)]
    max_rows: i64,
    /// A size that would take more memory than this, judged by the size before, is left out.
    #[arg(long, default_value_t = 6_000)]
    max_megabytes: u64,
    /// Only operators whose name has this text.
    #[arg(long, default_value = "")]
    only: String,
    #[arg(long, default_value_t = 31)]
    epochs: usize,
    /// The epoch that is shown, in percent of them from the fastest on; less than 50 beside other work.
    #[arg(long, default_value_t = 50)]
    percentile: usize,
    /// Shards of the state, with a thread each.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Changes of an epoch: half of them take a row out where the input allows it.
    #[arg(long, default_value_t = 1_000)]
    changes: i64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if let Err(error) = run(&Options::parse()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

/// What was measured at one size.
struct Figures {
    ns: f64,
    /// Bytes of state, for each of the loaded rows.
    state_bytes: f64,
    /// Bytes of the rows that are kept, as Arrow arrays, for each of the loaded rows.
    arrow_bytes: f64,
}

fn run(options: &Options) -> Result<()> {
    println!(
        "ns a change, epochs of {} changes, {} shards; bytes of all state beside those of the live rows in Arrow\n",
        options.changes, options.shards
    );
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>7} {:>9} {:>9} {:>7} {:>8} {:>8} {:>6}",
        "operator", "10^3", "10^5", "10^7", "growth", "one key", "10^5 keys", "ratio", "state B", "Arrow B", "ratio"
    );
    for case in CASES.iter().filter(|case| case.name.contains(&options.only)) {
        let (mut cells, mut last): (Vec<Option<f64>>, Option<Figures>) = (vec![], None);
        for size in SIZES {
            let needed = last.as_ref().map_or(0.0, |last| (last.state_bytes + LOG_BYTES) * size as f64);
            if size > options.max_rows || needed > options.max_megabytes as f64 * 1e6 {
                cells.push(None);
                continue;
            }
            let mut figures = measure(case, size, (size / case.rows_a_key).max(1), options)?;
            cells.push(Some(figures.ns));
            // A copy of the greatest state's rows would not fit beside it: they are as those of the middle one.
            figures.arrow_bytes = last.filter(|_| size > MIDDLE).map_or(figures.arrow_bytes, |last| last.arrow_bytes);
            last = Some(figures);
        }
        cells.push(cells[1].zip(cells[2]).map(|(middle, great)| great / middle));
        if case.keyed && options.max_rows >= MIDDLE {
            let (one, many) = (measure(case, MIDDLE, 1, options)?.ns, measure(case, MIDDLE, MIDDLE, options)?.ns);
            cells.extend([Some(one), Some(many), Some(one / many)]);
        } else {
            cells.extend([None; 3]);
        }
        let (state, arrow) = last.map_or((None, None), |last| (Some(last.state_bytes), Some(last.arrow_bytes)));
        cells.extend([state, arrow, state.zip(arrow).map(|(state, arrow)| state / arrow)]);
        println!("{}", line(case.name, &cells));
    }
    Ok(())
}

/// Times and bytes without a fraction, ratios with two digits.
fn line(name: &str, cells: &[Option<f64>]) -> String {
    const RATIOS: [usize; 3] = [3, 6, 9];
    const WIDTHS: [usize; 10] = [8, 8, 8, 7, 9, 9, 7, 8, 8, 6];
    let mut line = format!("{name:<24}");
    for (i, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        let text = match cell {
            Some(value) if RATIOS.contains(&i) => format!("{value:.2}"),
            Some(value) => format!("{value:.0}"),
            None => "-".to_string(),
        };
        line.push_str(&format!(" {text:>width$}"));
    }
    line
}

/// Loads `size` rows over `keys` keys, then measures epochs.
fn measure(case: &Case, size: i64, keys: i64, options: &Options) -> Result<Figures> {
    let clock = Clock::System;
    let mut engine = Engine::new(1, clock.clone())?;
    engine.use_workers(Arc::new(Workers::new(options.shards, PARALLEL_ROWS_MIN)?));
    let now_us = HOUR_US + size / 2 * US_A_ROW;
    engine.begin_clock(now_us);
    if !case.insert_only {
        engine.allow_retractions("t");
    }
    let sql = format!("{TABLES} CREATE MATERIALIZED VIEW r AS {}", case.view);
    engine.create(&SourceFile::new("bench.sql", sql))?;
    for from in (0..size).step_by(LOAD_ROWS as usize) {
        let until = (from + LOAD_ROWS).min(size);
        let mut epoch = vec![("t", changes(&engine, "t", &lefts(from..until, keys)?, 1)?)];
        // Every second key has a row on the right.
        let keys = (from * keys / size)..(until * keys / size);
        if case.right && !keys.is_empty() {
            epoch.push(("u", changes(&engine, "u", &rights(keys)?, 1)?));
        }
        apply(&mut engine, epoch)?;
    }
    let (mut times, mut spent) = (vec![], Duration::ZERO);
    while times.len() < EPOCHS_MIN || (times.len() < options.epochs && spent < MEASURE) {
        let number = times.len() as i64;
        let coming = if case.insert_only { options.changes } else { options.changes / 2 };
        let first = size + number * coming;
        let mut parts = vec![changes(&engine, "t", &lefts(first..first + coming, keys)?, 1)?];
        if !case.insert_only {
            let first = number * coming;
            parts.push(changes(&engine, "t", &lefts(first..first + coming, keys)?, -1)?);
        }
        let schema = parts[0].rows.schema();
        let epoch = vec![("t", Changes::concat(&schema, &parts)?)];
        let start = clock.instant();
        apply(&mut engine, epoch)?;
        if case.clock {
            engine.tick(now_us + (number + 1) * coming * US_A_ROW)?;
            engine.publish(vec![])?;
        }
        let took = clock.instant() - start;
        spent += took;
        times.push(took.as_nanos() as f64 / options.changes as f64);
    }
    times.sort_by(f64::total_cmp);
    let kept = if case.keeps_input { arrow_bytes(&lefts(0..1_000, keys)?, case.columns) } else { 0.0 };
    let shown = if size > MIDDLE { 0.0 } else { whole_bytes(&engine.rows("r")?) / size as f64 };
    if let Some(failed) = engine.hot().snapshot().views.iter().find_map(|(_, view)| view.failed.clone()) {
        return Err(Error::internal(format!("{}: {failed}", case.name)));
    }
    Ok(Figures {
        ns: times[(times.len() - 1) * options.percentile.min(100) / 100],
        state_bytes: engine.state_bytes() as f64 / size as f64,
        arrow_bytes: kept + shown,
    })
}

fn changes(engine: &Engine, table: &str, rows: &RecordBatch, weight: i64) -> Result<Changes> {
    let table = engine.table(table).ok_or_else(|| Error::internal("the tables were not created"))?;
    let events = EventBatch::of_rows(table, rows, 0, 0)?.rows;
    let weights = vec![weight; events.num_rows()];
    Ok(Changes::new(events, weights))
}

fn apply(engine: &mut Engine, epoch: Vec<(&str, Changes)>) -> Result<()> {
    engine.apply(epoch.into_iter().map(|(name, changes)| (Arc::from(name), changes)).collect::<BTreeMap<_, _>>())?;
    engine.publish(vec![])
}

/// Bytes of a row of these columns.
fn arrow_bytes(rows: &RecordBatch, columns: &[&str]) -> f64 {
    let bytes = columns.iter().filter_map(|name| rows.column_by_name(name)).map(|array| slice_bytes(array.as_ref()));
    bytes.sum::<f64>() / rows.num_rows() as f64
}

fn whole_bytes(rows: &RecordBatch) -> f64 {
    rows.columns().iter().map(|array| slice_bytes(array.as_ref())).sum()
}

fn slice_bytes(array: &dyn Array) -> f64 {
    array.to_data().get_slice_memory_size().unwrap_or(0) as f64
}
