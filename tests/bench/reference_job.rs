//! The reference job: a preloaded real Kafka is drained, and what it took is printed beside the physical limits and
//! beside a loop of fifty lines around DuckDB, all in one run.
//!
//! ```text
//! cargo bench --bench reference_job -- [--query stock|rebate] [--scale 1.0] [--runs 3]
//! ```
//!
//! Starts Kafka by `tests/kafka.sh` in a directory of its own for each scale and seed, keeps what it loaded there, and
//! stops it at the end. Wall times are those of whole processes, from start to exit, for every step alike.

mod limit;
mod load;
mod process;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use rebateflow::catalog::{Catalog, Table};
use rebateflow::clock::Clock;
use rebateflow::error::{Error, Result};

use crate::limit::Limit;
use crate::process::{Figures, measure};
use crate::workload::Workload;

/// The configuration of a job without history and commits, of one with both but no checkpoint of the state before its
/// end, and of one with everything.
const HISTORY_OFF: &str = "history = false\n";
const ONE_CHECKPOINT: &str = "history = true\ncheckpoint_every_ms = 3600000\ncheckpoint_events_max = 1000000000\n";
const HISTORY_ON: &str = "history = true\n";
/// Rows of a batch of the DuckDB loop; the best of those tried.
const LOOP_ROWS: &str = "50000";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Query {
    Stock,
    Rebate,
}

#[derive(Parser, Debug)]
struct Options {
    /// Only this query; both when left out.
    #[arg(long)]
    query: Option<Query>,
    /// 1.0 is 5,000,000 stock movements and about 3,000,000 versions of order lines.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Each step is run this often; the fastest run is printed.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// A Kafka that is there already; without it, one is started.
    #[arg(long)]
    brokers: Option<String>,
    /// Without the DuckDB loop and the comparison of the answers.
    #[arg(long)]
    no_loop: bool,
    /// Reads a topic in this way and ends: how this program measures the limits.
    #[arg(long, hide = true, requires = "topic")]
    limit: Option<Limit>,
    #[arg(long, hide = true)]
    topic: Option<String>,
    #[arg(long, hide = true, default_value_t = 1)]
    threads: i32,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let outcome = match (&options.limit, &options.topic, &options.brokers) {
        (Some(limit), Some(topic), Some(brokers)) => table_of(topic)
            .and_then(|table| limit::run(brokers, table, *limit, options.threads))
            .map(|(messages, rows)| eprintln!("{messages} messages, {rows} rows")),
        _ => run(&options),
    };
    if let Err(error) = outcome {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

/// A step's line in the table.
struct Step {
    name: String,
    figures: Figures,
}

fn run(options: &Options) -> Result<()> {
    let Some(brokers) = &options.brokers else {
        let brokers = kafka_script(options, "start")?;
        let brokers = brokers.lines().find_map(|line| line.strip_prefix("bootstrap="));
        let brokers = brokers.ok_or_else(|| Error::unavailable("tests/kafka.sh did not start Kafka"))?;
        let outcome = run_queries(options, brokers);
        kafka_script(options, "stop")?;
        return outcome;
    };
    run_queries(options, brokers)
}

fn run_queries(options: &Options, brokers: &str) -> Result<()> {
    let workload = Workload { seed: options.seed, scale: options.scale };
    for query in [Query::Stock, Query::Rebate] {
        if options.query.is_none_or(|only| only == query) {
            run_query(query, workload, brokers, options)?;
        }
    }
    Ok(())
}

fn run_query(query: Query, workload: Workload, brokers: &str, options: &Options) -> Result<()> {
    let (name, topic) = match query {
        Query::Stock => ("stock", "stock_movements"),
        Query::Rebate => ("rebate", "affiliate_txn"),
    };
    if query == Query::Rebate {
        load::load(brokers, "rate_rules", workload)?;
    }
    let events = load::load(brokers, topic, workload)?;
    println!("\nq_{name}: {events} events of {topic}, scale {}, seed {}", workload.scale, workload.seed);
    println!(
        "{:<34} {:>8} {:>12} {:>14} {:>9} {:>9}",
        "step", "wall s", "events/s", "CPU s/million", "peak MB", "of limit"
    );

    let work = tempfile::tempdir().map_err(|e| Error::unavailable("cannot make a directory").caused_by(e))?;
    let data = work.path().join("data");
    let answers = work.path().join(format!("{name}.parquet"));
    let mut steps = vec![];
    for (label, limit, threads) in [
        ("consume, poll, 1 thread", Limit::Poll, 1),
        ("consume, batch queue, 1 thread", Limit::Consume, 1),
        ("consume, batch queue, 2 threads", Limit::Consume, 2),
        ("consume + arrow-json, 1 thread", Limit::ArrowJson, 1),
        ("consume + arrow-json, 2 threads", Limit::ArrowJson, 2),
        ("consume + decode, 1 thread", Limit::Decode, 1),
        ("consume + decode, 2 threads", Limit::Decode, 2),
    ] {
        steps.push(step(label, options, || limit_command(brokers, topic, limit, threads))?);
        print_step(&steps, events);
    }
    for (label, config) in [
        ("whole job, history off", HISTORY_OFF),
        ("whole job, one checkpoint", ONE_CHECKPOINT),
        ("whole job, history on", HISTORY_ON),
    ] {
        steps.push(step(label, options, || job_command(name, brokers, config, &data))?);
        print_step(&steps, events);
    }
    let written = data.join("views").join(format!("q_{name}"));
    if !written.exists() {
        return Err(Error::internal("the job with history on has written no changes").hint("see its output above"));
    }
    if !options.no_loop {
        steps.push(step("DuckDB loop", options, || loop_command(name, brokers, &answers))?);
        print_step(&steps, events);
        compare(name, &data, &answers)?;
    }
    print_ratios(&steps);
    Ok(())
}

/// Runs the command as often as asked for and keeps the fastest run.
fn step(name: &str, options: &Options, command: impl Fn() -> Result<Command>) -> Result<Step> {
    let mut best: Option<Figures> = None;
    for _ in 0..options.runs.max(1) {
        let figures = measure(&mut command()?, &Clock::System)?;
        if best.is_none_or(|best| figures.wall_s < best.wall_s) {
            best = Some(figures);
        }
    }
    best.map(|figures| Step { name: name.to_string(), figures }).ok_or_else(|| Error::internal("no run"))
}

/// Prints the newest step. The limit that the last column compares with is consume + arrow-json on two threads.
fn print_step(steps: &[Step], events: u64) {
    let Some(Step { name, figures }) = steps.last() else {
        return;
    };
    let limit = steps.iter().find(|step| step.name == "consume + arrow-json, 2 threads");
    let share = limit.map_or(String::new(), |limit| format!("{:.2}", limit.figures.wall_s / figures.wall_s));
    let (rate, cpu) = (events as f64 / figures.wall_s, figures.cpu_s * 1e6 / events as f64);
    println!("{name:<34} {:>8.2} {rate:>12.0} {cpu:>14.2} {:>9.0} {share:>9}", figures.wall_s, figures.peak_mb);
}

fn print_ratios(steps: &[Step]) {
    let wall = |name: &str| steps.iter().find(|step| step.name == name).map(|step| step.figures.wall_s);
    for (slow, fast, text) in [
        ("DuckDB loop", "whole job, history off", "times the DuckDB loop, history off"),
        ("DuckDB loop", "whole job, history on", "times the DuckDB loop, history on"),
        ("whole job, history off", "whole job, history on", "of history off, history on"),
        ("whole job, one checkpoint", "whole job, history on", "of one checkpoint at the end, history on"),
    ] {
        if let (Some(slow), Some(fast)) = (wall(slow), wall(fast)) {
            println!("{:.2} {text}", slow / fast);
        }
    }
}

fn limit_command(brokers: &str, topic: &str, limit: Limit, threads: i32) -> Result<Command> {
    let this = std::env::current_exe().map_err(|e| Error::internal("cannot find this program").caused_by(e))?;
    let limit = match limit {
        Limit::Poll => "poll",
        Limit::Consume => "consume",
        Limit::ArrowJson => "arrow-json",
        Limit::Decode => "decode",
    };
    let mut command = Command::new(this);
    command.args(["--brokers", brokers, "--topic", topic, "--limit", limit, "--threads", &threads.to_string()]);
    Ok(command)
}

/// The table of a topic, as the reference job's own schemas declare it.
fn table_of(topic: &str) -> Result<Table> {
    for name in ["stock", "rebate"] {
        let catalog = Catalog::load(&here().join("schemas").join(name), &here().join("sql").join(name))?;
        if let Some(table) = catalog.tables.iter().find(|table| table.topic == topic) {
            return Ok(Table::clone(table));
        }
    }
    Err(Error::not_found(format!("no table of the reference job reads topic {topic}")))
}

/// The product over an empty data directory.
fn job_command(name: &str, brokers: &str, config: &str, data: &Path) -> Result<Command> {
    let failed = |e| Error::unavailable(format!("cannot prepare {}", data.display())).caused_by(e);
    if data.exists() {
        std::fs::remove_dir_all(data).map_err(failed)?;
    }
    std::fs::create_dir_all(data).map_err(failed)?;
    let file = data.with_extension("toml");
    std::fs::write(&file, config).map_err(failed)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebateflow"));
    command.arg("run").arg("--config").arg(file).args(["--brokers", brokers, "--http", "127.0.0.1:0", "--drain"]);
    command.arg("--schemas").arg(here().join("schemas").join(name)).arg("--sql").arg(here().join("sql").join(name));
    command.arg("--data").arg(data);
    Ok(command)
}

fn loop_command(name: &str, brokers: &str, answers: &Path) -> Result<Command> {
    let mut command = Command::new(python());
    command
        .arg(here().join("duckdb_loop.py"))
        .args([name, "--brokers", brokers, "--rows", LOOP_ROWS, "--out"])
        .arg(answers);
    Ok(command)
}

/// The changes that the job has written, added up, must be the answer of the DuckDB loop.
fn compare(name: &str, data: &Path, answers: &Path) -> Result<()> {
    let mut command = Command::new(python());
    command.arg(here().join("../readers/check.py")).arg(data).arg("--view");
    command.arg(format!("q_{name}={}", answers.display()));
    measure(&mut command, &Clock::System)?;
    println!("the answers of the job and of the DuckDB loop are equal");
    Ok(())
}

/// Runs tests/kafka.sh for the node that belongs to this scale and seed; returns what it prints.
fn kafka_script(options: &Options, action: &str) -> Result<String> {
    let data = cache().join(format!("bench-kafka-{}-{}", options.scale, options.seed));
    let output = Command::new(here().join("../kafka.sh"))
        .arg(action)
        .env("REBATEFLOW_KAFKA_DATA", data)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|e| Error::unavailable("cannot run tests/kafka.sh").caused_by(e))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench")
}

fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from).join(".cache/rebateflow");
    std::env::var_os("REBATEFLOW_CACHE").map_or_else(home, PathBuf::from)
}

fn python() -> PathBuf {
    cache().join("readers-venv/bin/python")
}
