//! How soon an event that was produced is seen over HTTP, and how fast lookups are, idle and under ingest; all in one
//! run against a real Kafka, with history and commits on.
//!
//! ```text
//! cargo bench --bench latency -- [--rate 20000] [--seconds 60] [--lookup-seconds 20] [--brokers HOST:PORT]
//! ```
//!
//! README.md says what is measured, and how. Needs `wrk` (`tests/setup.sh` installs it).

mod broker;
#[path = "../it/cut.rs"]
mod cut;
mod job;
mod lookups;
mod probe;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Parser;
use rebateflow::clock::Clock;
use rebateflow::demo::{Feed, FeedOptions, FeedReport, GeneratorOptions};
use rebateflow::error::{Error, Result};
use rebateflow::tasks::{Stop, spawn_thread};

use crate::broker::{Kafka, Topics};
use crate::job::{Figures, Job, JobPaths};
use crate::lookups::Lookups;
use crate::probe::{ProbeOptions, Probes, Seen};

/// The first seconds of the run are not measured.
const WARM_UP_S: u64 = 10;
/// How long the job may take to read what is left when the feed has stopped.
const CATCH_UP_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Parser, Debug)]
struct Options {
    /// Generated events a second.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: u64,
    /// Seconds of ingest without lookups, of which the first ten are dropped.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(WARM_UP_S + 1..=3_600))]
    seconds: u64,
    /// Seconds of lookups, once under ingest and once idle.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    lookup_seconds: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A Kafka that is there already; without it, one is started.
    #[arg(long)]
    brokers: Option<String>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    if let Err(error) = run(&Options::parse(), &Clock::System) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run(options: &Options, clock: &Clock) -> Result<()> {
    lookups::find_wrk()?;
    let failed = |e| Error::unavailable("cannot make a directory").caused_by(e);
    let cache = cache();
    std::fs::create_dir_all(&cache).map_err(failed)?;
    let work = tempfile::Builder::new().prefix("latency-").tempdir_in(cache).map_err(failed)?;
    // What is made later is dropped earlier: the job, then the topics, then Kafka, then the directory.
    let kafka = match &options.brokers {
        Some(brokers) => Kafka::given(brokers),
        None => Kafka::start(&work.path().join("kafka"))?,
    };
    let topics = Topics::create(&kafka.brokers, format!("-{}", clock.now_us()), clock)?;
    topics.write_catalog(work.path())?;
    let [schemas, sql, data] = ["schemas", "sql", "data"].map(|name| work.path().join(name));
    let paths = JobPaths { schemas: &schemas, sql: &sql, data: &data };
    let mut bench = Bench { options, clock, job: Job::start(&kafka.brokers, &paths, clock)? };
    let load = Load::start(options, &kafka.brokers, &topics, &bench)?;
    let outcome = bench.measure(load, work.path())?;
    bench.job.stop(clock)?;
    outcome.print(options);
    outcome.verdict()
}

/// The generated events and the probes.
struct Load {
    stop: Stop,
    feeding: JoinHandle<Result<FeedReport>>,
    probes: Probes,
}

impl Load {
    fn start(options: &Options, brokers: &str, topics: &Topics, bench: &Bench<'_>) -> Result<Load> {
        let feed = FeedOptions {
            brokers: brokers.to_string(),
            topic_suffix: topics.suffix.clone(),
            generator: GeneratorOptions { seed: options.seed, topics: cut::filled(), ..GeneratorOptions::default() },
            events: None,
            rate: options.rate,
        };
        let feed = Feed::new(feed, None)?;
        let probe = ProbeOptions {
            brokers: brokers.to_string(),
            topic: format!("stock_movements{}", topics.suffix),
            address: bench.job.address.clone(),
        };
        let stop = Stop::default();
        let (stop_feeding, clock) = (stop.clone(), bench.clock.clone());
        let feeding = spawn_thread("feed", move || feed.run(&stop_feeding, &clock))?;
        Ok(Load { stop, feeding, probes: Probes::start(&probe, bench.clock)? })
    }

    /// Errors: a part of it has ended.
    fn must_run(&self) -> Result<()> {
        if self.feeding.is_finished() {
            return Err(Error::internal("the feed has ended too early"));
        }
        self.probes.must_run()
    }

    /// Stops all of it; returns the events produced and the probes seen.
    fn finish(self) -> Result<(u64, Vec<Seen>)> {
        self.stop.raise();
        let report = self.feeding.join();
        let report = report.map_err(|_| Error::internal("the feed panicked"))??;
        let seen = self.probes.finish()?;
        Ok((report.total() + seen.len() as u64, seen))
    }
}

/// A running job and how to measure it.
struct Bench<'a> {
    options: &'a Options,
    clock: &'a Clock,
    job: Job,
}

impl Bench<'_> {
    fn measure(&mut self, load: Load, directory: &Path) -> Result<Outcome> {
        self.hold(Duration::from_secs(WARM_UP_S), &load)?;
        let begin = self.job.figures(self.clock)?;
        self.hold(Duration::from_secs(self.options.seconds - WARM_UP_S), &load)?;
        let quiet = Span::new(begin, self.job.figures(self.clock)?);

        let lookups = Lookups::of_known_users(&self.job, directory)?;
        let begin = self.job.figures(self.clock)?;
        let under_ingest = lookups.run(&self.job, self.options.lookup_seconds, self.clock)?;
        let busy = Span::new(begin, self.job.figures(self.clock)?);
        load.must_run()?;

        let (produced, seen) = load.finish()?;
        let end = self.catch_up(produced)?;
        let idle = lookups.run(&self.job, self.options.lookup_seconds, self.clock)?;
        Ok(Outcome { quiet, busy, end, produced, seen, users: lookups.users, under_ingest, idle })
    }

    /// Lets time pass while everything runs.
    fn hold(&mut self, time: Duration, load: &Load) -> Result<()> {
        let end = self.clock.instant() + time;
        loop {
            self.job.must_run()?;
            load.must_run()?;
            let left = end.saturating_duration_since(self.clock.instant());
            if left.is_zero() {
                return Ok(());
            }
            self.clock.sleep(left.min(LOOK_EVERY));
        }
    }

    /// Waits until the job has read everything, and nothing but that.
    fn catch_up(&mut self, produced: u64) -> Result<Figures> {
        let deadline = self.clock.instant() + CATCH_UP_MAX;
        loop {
            self.job.must_run()?;
            let figures = self.job.figures(self.clock)?;
            if figures.events as u64 == produced {
                return Ok(figures);
            }
            if figures.events as u64 > produced || self.clock.instant() > deadline {
                let message = format!("the job has read {} of {produced} events", figures.events);
                return Err(Error::internal(message));
            }
            self.clock.sleep(LOOK_EVERY);
        }
    }
}

/// What the job did between two instants.
#[derive(Clone, Copy, Debug)]
struct Span {
    begin: Figures,
    end: Figures,
}

impl Span {
    fn new(begin: Figures, end: Figures) -> Span {
        Span { begin, end }
    }

    fn seconds(&self) -> f64 {
        (self.end.at - self.begin.at).as_secs_f64()
    }

    fn has(&self, at: Instant) -> bool {
        (self.begin.at..self.end.at).contains(&at)
    }
}

/// Everything that was measured.
struct Outcome {
    quiet: Span,
    busy: Span,
    end: Figures,
    /// Events produced, probes included.
    produced: u64,
    seen: Vec<Seen>,
    users: usize,
    under_ingest: lookups::Figures,
    idle: lookups::Figures,
}

impl Outcome {
    fn print(&self, options: &Options) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!(
            "{} generated events/s and 100 probes/s; {cores} cores for Kafka, load and rebateflow together",
            options.rate
        );
        println!("\n{:<28} {:>12} {:>12}", "rebateflow", "ingest", "and lookups");
        let spans = [&self.quiet, &self.busy];
        let line = |name: &str, digits: usize, figure: &dyn Fn(&Span) -> f64| {
            let [quiet, busy] = spans.map(figure);
            println!("{name:<28} {quiet:>12.digits$} {busy:>12.digits$}");
        };
        line("seconds", 1, &Span::seconds);
        line("events/s", 0, &|s| (s.end.events - s.begin.events) / s.seconds());
        line("events behind at the end", 0, &|s| s.end.lag);
        line("epochs/s", 1, &|s| (s.end.epochs - s.begin.epochs) / s.seconds());
        line("commits", 0, &|s| s.end.commits - s.begin.commits);
        line("cores used", 2, &|s| (s.end.cpu_s - s.begin.cpu_s) / s.seconds());
        line("CPU s a million events", 2, &|s| (s.end.cpu_s - s.begin.cpu_s) * 1e6 / (s.end.events - s.begin.events));
        line("peak MB", 0, &|s| s.end.peak_mb);

        println!("\n{:<28} {:>8} {:>9} {:>9} {:>9} {:>9}", "milliseconds", "probes", "p50", "p90", "p99", "max");
        self.print_probes("produced to acknowledged", &self.quiet, |seen| seen.acknowledged);
        self.print_probes("produced to visible", &self.quiet, |seen| seen.visible);
        self.print_probes("the same beside lookups", &self.busy, |seen| seen.visible);

        let connections = lookups::CONNECTIONS;
        println!(
            "\n{:<28} {:>12} {:>9} {:>9}",
            format!("wrk, {connections} connections"),
            "requests/s",
            "p50 ms",
            "p99 ms"
        );
        let (idle, busy) = (&self.idle, &self.under_ingest);
        for (name, figures) in [("idle", idle), ("under ingest", busy)] {
            println!("{name:<28} {:>12.0} {:>9.2} {:>9.2}", figures.per_second, figures.p50_ms, figures.p99_ms);
            figures.failures.iter().for_each(|failure| println!("  {failure}"));
        }
        println!(
            "{:<28} {:>12.2} {:>9.2} {:>9.2}",
            "under ingest / idle",
            busy.per_second / idle.per_second,
            busy.p50_ms / idle.p50_ms,
            busy.p99_ms / idle.p99_ms
        );
        println!(
            "\n{} events produced and read, {} commits; lookups of {} users",
            self.produced, self.end.commits, self.users
        );
    }

    fn print_probes(&self, name: &str, span: &Span, time: impl Fn(&Seen) -> Duration) {
        let of_span = self.seen.iter().filter(|seen| span.has(seen.produced));
        let mut times: Vec<f64> = of_span.map(|seen| time(seen).as_secs_f64() * 1e3).collect();
        times.sort_unstable_by(f64::total_cmp);
        println!(
            "{name:<28} {:>8} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
            times.len(),
            percentile(&times, 0.5),
            percentile(&times, 0.9),
            percentile(&times, 0.99),
            percentile(&times, 1.0)
        );
    }

    /// Errors: the figures are not those of a whole job.
    fn verdict(&self) -> Result<()> {
        if self.quiet.end.commits <= self.quiet.begin.commits {
            return Err(Error::internal("nothing was committed while it was measured"));
        }
        if [&self.idle, &self.under_ingest].iter().any(|figures| !figures.failures.is_empty()) {
            return Err(Error::unavailable("lookups failed, see above"));
        }
        Ok(())
    }
}

/// The smallest time that this share of all times does not exceed; `sorted` is in ascending order.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from).join(".cache/rebateflow");
    std::env::var_os("REBATEFLOW_CACHE").map_or_else(home, PathBuf::from)
}
