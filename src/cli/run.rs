//! `rebateflow run`: the pipeline over a Kafka broker.

use std::path::PathBuf;

use clap::Args;

use super::arguments::CommonArguments;
use super::server::Server;
use crate::config::{LogFormat, Overrides, Settings};
use crate::error::{Error, Result};
use crate::telemetry::init_logging;

/// Flags of `run`. They win over the environment, which wins over the file.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// A TOML file; docker/rebateflow.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Kafka brokers.
    #[arg(long, value_name = "HOST:PORT,...")]
    brokers: Option<String>,
    /// Process what is there at the start, commit, exit.
    #[arg(long)]
    drain: bool,
    /// Wait until the process that writes to the data directory is gone, then take its place.
    #[arg(long, conflicts_with = "drain")]
    standby: bool,
    /// With --drain: the time that views of the table `clock` go by, instead of now.
    #[arg(long, value_name = "TIME", requires = "drain")]
    as_of: Option<String>,
    /// Events after which a batch closes.
    #[arg(long, value_name = "N")]
    epoch_rows_max: Option<u64>,
    /// Milliseconds after which a batch closes.
    #[arg(long, value_name = "N")]
    epoch_ms_max: Option<u64>,
    /// Go on although Kafka has lost events of this topic that come next, or the topic was made anew.
    #[arg(long, value_name = "TOPIC")]
    accept_loss: Vec<String>,
    #[command(flatten)]
    common: CommonArguments,
}

/// Runs until Ctrl-C, or, draining, until everything is processed.
pub(super) fn run(arguments: &RunArguments) -> Result<()> {
    let overrides = Overrides {
        brokers: arguments.brokers.clone(),
        drain: arguments.drain.then_some(true),
        standby: arguments.standby.then_some(true),
        as_of: arguments.as_of.clone(),
        epoch_rows_max: arguments.epoch_rows_max,
        epoch_ms_max: arguments.epoch_ms_max,
        ..arguments.common.overrides()
    };
    let mut settings = Settings::load(arguments.config.as_deref(), std::env::vars(), &overrides)?;
    settings.accept_loss.clone_from(&arguments.accept_loss);
    init_logging(settings.log_format == LogFormat::Json)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::unavailable("cannot start the async runtime").caused_by(e))?;
    let summary = runtime.block_on(async {
        let server = Server::start(&settings, settings.brokers.clone()).await?;
        say!("http://{}", server.address);
        server.wait().await
    })?;
    tracing::info!(
        accepted = summary.accepted,
        rejected = summary.rejected,
        epochs = summary.epochs,
        "ended; everything processed is committed"
    );
    Ok(())
}
