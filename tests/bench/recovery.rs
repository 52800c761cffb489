//! What checkpoints cost and what a start takes, beside ever more keys.
//!
//! ```text
//! cargo bench --bench recovery -- [--keys 100000,1000000,10000000] [--checkpoints 50] [--groups] [--data DIR]
//! ```
//!
//! The pipeline without Kafka (`Stepped`), on a local directory: one upsert table of orders, its newest rows as a view,
//! and balances of users over it, with the changes of the balances kept; with `--groups` totals of append-only events, a
//! group a key. First every key comes once. Then, for each
//! checkpoint, 20,000 corrections of random keys; its pause is the time of the epoch that makes it (`first`: that of the
//! checkpoint after all keys came). Then the process is
//! gone, and a start is timed: once with nothing after the last checkpoint, once with 200,000 events, as many as ten
//! seconds bring at 20,000 a second.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use rebateflow::catalog::{Catalog, SourceFile};
use rebateflow::clock::Clock;
use rebateflow::engine::RECOMPUTE_ROWS_MAX;
use rebateflow::error::Result;
use rebateflow::history::{HistorySettings, Store};
use rebateflow::ingest::{Decoder, Fetched, Message};
use rebateflow::pipeline::{PipelineOptions, Shared, Stepped};
use rebateflow::tasks::Stop;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TABLES: &str = "CREATE TABLE orders (order_id BIGINT NOT NULL, user_id VARCHAR NOT NULL, status VARCHAR NOT NULL,
        amount DECIMAL(18,2) NOT NULL, rebate DECIMAL(18,2) NOT NULL, paid_at TIMESTAMP(6) NOT NULL,
        modified BIGINT NOT NULL, PRIMARY KEY (order_id))
    WITH (topic = 'orders', format = 'json', version = 'modified');
    CREATE MATERIALIZED VIEW newest WITH (history = 'none') AS SELECT * FROM orders;
    CREATE MATERIALIZED VIEW balances AS
        SELECT user_id, SUM(rebate) AS rebate, COUNT(*) AS orders FROM orders GROUP BY user_id;";
/// Totals of append-only events, a group a key: their changes are taken at the checkpoint.
const GROUPS: &str = "CREATE TABLE orders (order_id BIGINT NOT NULL, user_id VARCHAR NOT NULL, status VARCHAR NOT NULL,
        amount DECIMAL(18,2) NOT NULL, rebate DECIMAL(18,2) NOT NULL, paid_at TIMESTAMP(6) NOT NULL,
        modified BIGINT NOT NULL)
    WITH (topic = 'orders', format = 'json');
    CREATE MATERIALIZED VIEW totals WITH (history = 'none') AS
        SELECT order_id, SUM(rebate) AS rebate, COUNT(*) AS events FROM orders GROUP BY order_id;";
/// As in the product.
const STATE_PART_BYTES_MAX: u64 = 64 << 20;
const TOPIC: &str = "orders";
const BATCH: i64 = 16_384;
/// Corrections before a checkpoint.
const CORRECTIONS: i64 = 20_000;
/// Events after the last checkpoint at the second start.
const AFTER: i64 = 200_000;
/// One user has so many orders.
const ORDERS_A_USER: i64 = 20;

#[derive(Parser, Debug)]
struct Options {
    /// Numbers of keys.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    keys: Vec<i64>,
    /// Checkpoints that are timed.
    #[arg(long, default_value_t = 50)]
    checkpoints: usize,
    /// Totals of append-only events instead of an upsert table.
    #[arg(long)]
    groups: bool,
    /// Where the data goes [default: a new directory].
    #[arg(long)]
    data: Option<String>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A process over a directory.
struct Process {
    stepped: Stepped,
    decoder: Decoder,
    offset: i64,
    written: Written,
}

/// Bytes that commits wrote.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    segments: u64,
    state: u64,
}

fn main() {
    let options = Options::parse();
    println!(
        "{:>10}  {:>9} {:>9} {:>9}  {:>9} {:>9} {:>9}  {:>9} {:>9}  {:>8}",
        "keys", "pause p50", "p99", "first", "segments", "state", "Parquet", "start", "+200,000", "peak MB"
    );
    println!("{:>10}  {:>9} {:>9} {:>9}  {:>29}  {:>9} {:>9}", "", "ms", "ms", "ms", "MB a million events", "s", "s");
    for keys in &options.keys {
        if let Err(error) = measured(*keys, &options) {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

fn measured(keys: i64, options: &Options) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|e| rebateflow::error::Error::unavailable("no directory").caused_by(e))?;
    let data = options.data.clone().unwrap_or_else(|| folder.path().display().to_string());
    let mut random = fastrand::Rng::with_seed(1);
    let sql = if options.groups { GROUPS } else { TABLES };
    let (mut process, _) = Process::start(&data, sql)?;
    process.feed((0..keys).map(|key| (key, 0)))?;
    let first = process.checkpoint()?;
    let mut pauses: Vec<Duration> = vec![];
    for round in 1..=options.checkpoints as i64 {
        process.feed((0..CORRECTIONS).map(|_| (random.i64(0..keys), round)))?;
        pauses.push(process.checkpoint()?);
    }
    pauses.sort();
    let written = process.written;
    let millions = process.offset as f64 / 1e6;
    process.stepped.close()?;
    let parquet = bytes_below(&Path::new(&data).join("events")) + bytes_below(&Path::new(&data).join("views"));
    let offset = process.offset;
    drop(process);
    let (mut process, empty) = Process::start(&data, sql)?;
    process.offset = offset;
    process.feed((0..AFTER).map(|_| (random.i64(0..keys), 1_000_000)))?;
    process.commit()?;
    drop(process);
    let (_, after) = Process::start(&data, sql)?;
    let at = |share: f64| pauses[((pauses.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    let mb = |bytes: u64| bytes as f64 / 1e6 / millions;
    println!(
        "{keys:>10}  {:>9.2} {:>9.2} {:>9.2}  {:>9.0} {:>9.0} {:>9.0}  {:>9.2} {:>9.2}  {:>8.0}",
        at(0.5),
        at(0.99),
        first.as_secs_f64() * 1e3,
        mb(written.segments),
        mb(written.state),
        mb(parquet),
        empty.as_secs_f64(),
        after.as_secs_f64(),
        peak_mb()
    );
    Ok(())
}

impl Process {
    /// Opens the directory and loads what is there; how long that took.
    fn start(data: &str, sql: &str) -> Result<(Process, Duration)> {
        let begin = now();
        let catalog = Catalog::from_sources(&[SourceFile::new("bench", sql)])?;
        let table = catalog.tables[0].clone();
        let options = PipelineOptions {
            catalog: Arc::new(catalog),
            brokers: String::new(),
            store: Store::open(data)?,
            history: HistorySettings {
                // Only when it is told to.
                checkpoint_every_ms: 3_600_000,
                ..HistorySettings::default()
            },
            epoch_rows_max: BATCH as usize,
            epoch_wait_max: Duration::from_millis(10),
            queued_kbytes_max: 1_024,
            memory_budget_bytes: u64::MAX,
            max_rows_recompute: RECOMPUTE_ROWS_MAX,
            shards: 0,
            drain: false,
            as_of_us: None,
            accept_loss: BTreeSet::new(),
            dead_letter_topic: None,
            standby: false,
            takeover_after: Duration::from_secs(10),
        };
        let shared =
            Shared { clock: Clock::System, stop: Stop::default(), readiness: Arc::default(), metrics: Arc::default() };
        let mut stepped = Stepped::open(&options, &shared)?;
        stepped.load()?;
        let took = now() - begin;
        Ok((Process { stepped, decoder: Decoder::new(table)?, offset: 0, written: Written::default() }, took))
    }

    /// Events through the views, and into commits when these are due.
    fn feed(&mut self, orders: impl Iterator<Item = (i64, i64)>) -> Result<()> {
        let mut orders = orders.peekable();
        while orders.peek().is_some() {
            let texts: Vec<String> = orders.by_ref().take(BATCH as usize).map(|(key, n)| order(key, n)).collect();
            let message = |(offset, text)| Message {
                key: None,
                value: Some(String::as_bytes(text)),
                partition: 0,
                offset,
                timestamp_us: 1_780_000_000_000_000,
            };
            let messages: Vec<Message<'_>> = (self.offset..).zip(&texts).map(message).collect();
            let events = self.decoder.decode(&messages)?.events;
            self.offset += messages.len() as i64;
            let next = vec![(Arc::from(TOPIC), 0, self.offset)];
            self.stepped.offer(Fetched { events: vec![events], next, messages: messages.len(), ..Fetched::default() });
            while self.stepped.epoch()? {}
            while self.stepped.hand_over()? {}
            self.commit_if_due()?;
        }
        Ok(())
    }

    fn commit_if_due(&mut self) -> Result<()> {
        if self.stepped.is_due() { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<()> {
        let info = self.stepped.commit()?;
        self.written.segments += info.bytes;
        self.written.state += info.state_bytes;
        self.stepped.merge(STATE_PART_BYTES_MAX);
        Ok(())
    }

    /// A checkpoint, committed; how long epochs had to wait for it.
    fn checkpoint(&mut self) -> Result<Duration> {
        let begin = now();
        self.stepped.finish()?;
        let pause = now() - begin;
        while self.stepped.hand_over()? {}
        self.commit()?;
        Ok(pause)
    }
}

fn order(key: i64, n: i64) -> String {
    let (user, rebate) = (key / ORDERS_A_USER, (key * 7 + n * 13) % 5_000);
    format!(
        "{{\"order_id\":{key},\"user_id\":\"u{user:07}\",\"status\":\"{}\",\"amount\":\"{}.{:02}\",\
         \"rebate\":\"{}.{:02}\",\"paid_at\":\"2026-03-01T10:{:02}:{:02}Z\",\"modified\":{n}}}",
        ["paid", "received", "settled"][(n % 3) as usize],
        rebate * 20 / 100,
        rebate * 20 % 100,
        rebate / 100,
        rebate % 100,
        key / 60 % 60,
        key % 60
    )
}

fn now() -> Instant {
    Clock::System.instant()
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Peak resident memory of this process so far.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
}
