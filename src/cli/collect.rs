//! `rebateflow collect NAME`: polls a network; `rebateflow collect logs FILE|-`: follows log lines. Both into Kafka.

use std::path::{Path, PathBuf};

use clap::Args;

use super::server::stop_signal;
use crate::clock::Clock;
use crate::collect::{Collector, CollectorOptions, KafkaSink, LogCollector, LogOptions};
use crate::config::{LogFormat, Overrides, Settings};
use crate::error::{Error, Result};
use crate::history::Store;
use crate::network::Definition;
use crate::tasks::{Stop, spawn_task};
use crate::telemetry::init_logging;

/// The name that is no network.
const LOGS: &str = "logs";

/// Flags of `collect`.
#[derive(Debug, Args)]
pub(super) struct CollectArguments {
    /// A network, by the name of its file in the directory of definitions; or `logs`.
    name: String,
    /// With `logs`: the file to follow, or - for standard input.
    #[arg(value_name = "FILE|-")]
    input: Option<PathBuf>,
    /// A TOML file; docker/rebateflow.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Kafka brokers.
    #[arg(long, value_name = "HOST:PORT,...")]
    brokers: Option<String>,
    /// Where cursors are kept: a directory or a URL [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
    /// Directory with the definitions of networks [default: ./schemas/collectors].
    #[arg(long, value_name = "DIR")]
    collectors: Option<String>,
    /// Read what is there now, then exit.
    #[arg(long)]
    once: bool,
    /// With `logs`: the service of lines that do not name theirs [default: the file's name].
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
}

/// Runs until Ctrl-C, or, once, until everything is read.
pub(super) fn collect(arguments: &CollectArguments) -> Result<()> {
    let overrides = Overrides {
        brokers: arguments.brokers.clone(),
        data: arguments.data.clone(),
        collectors: arguments.collectors.clone(),
        ..Overrides::default()
    };
    let settings = Settings::load(arguments.config.as_deref(), std::env::vars(), &overrides)?;
    let mut sink = KafkaSink::new(&settings.brokers)?;
    if arguments.name == LOGS {
        return logs(arguments, &settings, &mut sink);
    }
    if arguments.input.is_some() || arguments.service.is_some() {
        return Err(Error::invalid("a file and --service are for `collect logs`"));
    }
    let path = settings.collectors.join(format!("{}.toml", arguments.name));
    if !path.is_file() {
        let message = format!("there is no definition {}", path.display());
        return Err(Error::not_found(message).hint("name a file of that directory, or the directory with --collectors"));
    }
    let definition = Definition::load(&path, &|name| std::env::var(name).ok())?;
    init_logging(settings.log_format == LogFormat::Json)?;
    let clock = Clock::System;
    let options = CollectorOptions {
        name: arguments.name.clone(),
        definition,
        store: Store::open(&settings.data)?,
        seed: clock.now_us().unsigned_abs() ^ u64::from(std::process::id()) << 40,
        clock,
        stop: Stop::default(),
    };
    let _signals = raise_at_signal(&options.stop)?;
    let mut collector = Collector::new(options, &mut sink)?;
    if arguments.once { collector.run_once() } else { collector.run() }
}

fn logs(arguments: &CollectArguments, settings: &Settings, sink: &mut KafkaSink) -> Result<()> {
    let Some(input) = &arguments.input else {
        return Err(Error::invalid("there is no file to follow").hint("name it, or - for standard input"));
    };
    init_logging(settings.log_format == LogFormat::Json)?;
    let is_pipe = input == Path::new("-");
    let stem = if is_pipe { "stdin".into() } else { input.file_stem().unwrap_or_default().to_string_lossy() };
    let options = LogOptions {
        service: arguments.service.clone().unwrap_or_else(|| stem.into_owned()),
        store: Store::open(if is_pipe { "memory://" } else { &settings.data })?,
        clock: Clock::System,
        stop: Stop::default(),
        once: arguments.once,
    };
    // A read of a pipe cannot be stopped: there a signal ends the process, which loses nothing that was answered for.
    let _signals = if is_pipe { None } else { Some(raise_at_signal(&options.stop)?) };
    let mut collector = LogCollector::new(options, sink);
    let lines = if is_pipe { collector.read(std::io::stdin()) } else { collector.follow(input) }?;
    tracing::info!(lines, "ended; all lines are in Kafka");
    Ok(())
}

/// Raises the stop at Ctrl-C or SIGTERM, as long as the runtime lives.
fn raise_at_signal(stop: &Stop) -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Error::unavailable("cannot start the async runtime").caused_by(e))?;
    let stop = stop.clone();
    runtime.block_on(async {
        spawn_task(async move {
            stop_signal().await;
            stop.raise();
        });
    });
    Ok(runtime)
}
