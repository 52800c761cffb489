//! `rebateflow demo`: an embedded broker, generated events, the real pipeline, a status line.

use std::collections::{BTreeSet, HashMap};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;

use super::arguments::CommonArguments;
use super::server::Server;
use super::story::Story;
use crate::catalog::Catalog;
use crate::config::Settings;
use crate::demo::{
    EmbeddedBroker, Feed, FeedOptions, FeedProgress, FeedReport, GeneratorOptions, Pace, TOPICS, sku_id, user_id,
};
use crate::error::{Error, Result};
use crate::hot::Hot;
use crate::tasks::spawn_thread;
use crate::telemetry::init_logging;

/// How often the status line is printed.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often the end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A file that only a demo writes: a directory without it is never emptied.
const MARK: &str = ".rebateflow-demo";

/// Flags of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Stop after this many events and exit, once they are processed and written.
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// With --events: stay up afterwards and serve.
    #[arg(long, requires = "events")]
    serve: bool,
    /// Events a second; 0 is as fast as possible.
    #[arg(long, value_name = "R", default_value_t = 2_000)]
    rate: u64,
    /// Days of the generated world a second, in place of --rate: sales and settlements then come in waves.
    #[arg(long, value_name = "D", conflicts_with = "rate", value_parser = days)]
    days: Option<f64>,
    /// Clicks of a generated day at the beginning; about three events follow from each.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    clicks: u32,
    /// Seed of the generator: the same seed makes the same events.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    common: CommonArguments,
}

impl DemoArguments {
    fn pace(&self) -> Pace {
        match (self.days, self.rate) {
            (Some(days), _) => Pace::Days(days),
            (None, 0) => Pace::Full,
            (None, rate) => Pace::Rate(rate),
        }
    }
}

fn days(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(days) if days > 0.0 && days <= 1_000.0 => Ok(days),
        _ => Err("a number above 0, at most 1000".to_string()),
    }
}

/// Runs until Ctrl-C, or until --events are processed and written.
pub(super) fn demo(arguments: &DemoArguments) -> Result<()> {
    let mut overrides = arguments.common.overrides();
    overrides.data.get_or_insert_with(|| "./data/demo".to_string());
    let settings = Settings::load(None, [], &overrides)?;
    if std::env::var_os(crate::telemetry::LOG_FILTER).is_some() {
        init_logging(false)?;
    }
    start_fresh(Path::new(&settings.data))?;
    // Tables that the generator does not fill are there, too, and empty.
    let catalog = Catalog::load(&settings.schemas, &settings.sql)?;
    let declared = catalog.tables.iter().map(|table| table.topic.as_str());
    let topics: BTreeSet<&str> = declared.chain(TOPICS.iter().copied()).collect();
    let broker = EmbeddedBroker::start(&topics.into_iter().collect::<Vec<_>>())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::unavailable("cannot start the async runtime").caused_by(e))?;
    runtime.block_on(async {
        let server = Server::start(&settings, broker.brokers()).await?;
        follow(arguments, &settings, server, broker.brokers()).await
    })
}

/// Empties the demo's own directory, and says so. Any other directory is left alone.
fn start_fresh(data: &Path) -> Result<()> {
    let failed = |what: &str, e| Error::unavailable(format!("cannot {what} {}", data.display())).caused_by(e);
    let occupied = data.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !data.join(MARK).exists() {
        return Err(Error::invalid(format!("{} holds files that no demo wrote", data.display()))
            .hint("a demo starts fresh in its own directory; name another with --data"));
    }
    if occupied {
        say!("starting fresh: the data of the last demo in {} is removed", data.display());
        std::fs::remove_dir_all(data).map_err(|e| failed("empty", e))?;
    }
    std::fs::create_dir_all(data).map_err(|e| failed("make", e))?;
    let mark: PathBuf = data.join(MARK);
    std::fs::write(mark, "made by `rebateflow demo`, which may empty this directory\n")
        .map_err(|e| failed("write to", e))
}

async fn follow(arguments: &DemoArguments, settings: &Settings, server: Server, brokers: String) -> Result<()> {
    let generator =
        GeneratorOptions { seed: arguments.seed, clicks_a_day: arguments.clicks, ..GeneratorOptions::default() };
    let options = FeedOptions {
        brokers,
        topic_suffix: String::new(),
        generator,
        events: arguments.events,
        pace: arguments.pace(),
    };
    let hot = server.pipeline.hot().clone();
    let feed = Feed::new(
        options,
        Some(Box::new({
            let hot = hot.clone();
            move || consumed(&hot)
        })),
    )?;
    let progress = feed.progress();
    let (stop, clock) = (server.shared.stop.clone(), server.shared.clock.clone());
    // The feed ends by itself when the pipeline does; its own stop is raised only with it.
    let feeding = spawn_thread("feed", move || feed.run(&stop, &clock))?;
    print_hello(settings, &server);
    let mut status = Status::new(server.shared.clock.instant());
    let mut story = Story::new(hot.clone());
    let mut feeding = Some(feeding);
    let mut target: Option<FeedReport> = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let stop = &server.shared.stop;
        if feeding.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
            && let Some(thread) = feeding.take()
        {
            let report = thread.join().unwrap_or_else(|_| Err(Error::internal("the feed thread panicked")));
            match report {
                Ok(report) => target = Some(report),
                Err(error) => {
                    stop.raise();
                    server.wait().await?;
                    return Err(error);
                }
            }
        }
        story.go_on().iter().for_each(|line| status.say(line));
        status.print(&hot, &progress, server.shared.clock.instant());
        if let Some(report) = &target
            && reached(&hot, report)
            && !arguments.serve
        {
            stop.raise();
        }
        if server.pipeline.is_finished() {
            break;
        }
    }
    status.say(&story.audit());
    end(server, &mut status, feeding, target, settings).await
}

async fn end(
    server: Server,
    status: &mut Status,
    feeding: Option<std::thread::JoinHandle<Result<FeedReport>>>,
    target: Option<FeedReport>,
    settings: &Settings,
) -> Result<()> {
    let summary = server.wait().await?;
    status.finish();
    let target = match feeding {
        Some(thread) => thread.join().unwrap_or_else(|_| Err(Error::internal("the feed thread panicked"))).ok(),
        None => target,
    };
    let produced = target.map_or(0, |report| report.total());
    say!(
        "processed {} events: {} accepted, {} dead letters ({} produced); written to {}",
        summary.accepted + summary.rejected,
        summary.accepted,
        summary.rejected,
        produced,
        settings.data
    );
    Ok(())
}

/// The next offset that the pipeline will read, by partition: what is published is read.
fn consumed(hot: &Hot) -> HashMap<(String, i32), i64> {
    hot.snapshot().offsets.iter().map(|o| ((o.topic.to_string(), o.partition), o.next)).collect()
}

fn reached(hot: &Hot, report: &FeedReport) -> bool {
    let published = hot.snapshot();
    let at = |((topic, partition), next): (&(String, i32), &i64)| {
        *next == 0 || published.next_offset(topic, *partition).is_some_and(|n| n >= *next)
    };
    report.next_offsets.iter().all(at)
}

fn print_hello(settings: &Settings, server: &Server) {
    let address = server.address;
    say!("rebateflow demo: generated events, an embedded broker, the views of {}", settings.sql.display());
    say!("data in {}, HTTP on http://{address}. Try:", settings.data);
    say!("  curl 'http://{address}/v1/views/user_rebate_balance?user_id={}'", user_id(0));
    say!("  curl 'http://{address}/v1/views/stock_available?sku_id={}'", sku_id(0));
    say!(
        "  curl 'http://{address}/v1/sql' -H 'content-type: application/json' -d '{}'",
        r#"{"query": "SELECT status, COUNT(*) AS lines, SUM(rebate) AS rebate FROM rebate_line GROUP BY status"}"#
    );
    say!("Ctrl-C stops.");
}

/// The status line: rewritten in place on a terminal, a line a second elsewhere.
struct Status {
    terminal: bool,
    printed: Instant,
    events: u64,
    shown: bool,
}

impl Status {
    fn new(now: Instant) -> Self {
        Status { terminal: std::io::stdout().is_terminal(), printed: now, events: 0, shown: false }
    }

    fn print(&mut self, hot: &Arc<Hot>, progress: &FeedProgress, now: Instant) {
        let since = now - self.printed;
        if since < STATUS_EVERY {
            return;
        }
        let published = hot.snapshot();
        let events: u64 = published.offsets.iter().map(|o| o.next.max(0).unsigned_abs()).sum();
        let produced = progress.produced.load(Ordering::Relaxed);
        let rate = (events.saturating_sub(self.events)) as f64 / since.as_secs_f64();
        let rows: i64 = published.views.values().map(|view| view.rows as i64).sum();
        let line = format!(
            "{events} events, {rate:.0}/s, lag {}, epoch {}, {} views with {rows} rows",
            produced.saturating_sub(events),
            published.epoch_name(),
            published.views.len()
        );
        let mut out = std::io::stdout().lock();
        let written = if self.terminal {
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
        // A closed terminal is no reason to stop.
        drop(written);
        (self.printed, self.events, self.shown) = (now, events, true);
    }

    /// Prints a line that stays.
    fn say(&mut self, line: &str) {
        let begin = if self.terminal && self.shown { "\r\x1b[2K" } else { "" };
        // A closed terminal is no reason to stop.
        drop(writeln!(std::io::stdout().lock(), "{begin}{line}"));
        self.shown = false;
    }

    fn finish(&mut self) {
        if self.terminal && self.shown {
            say!("");
        }
    }
}
