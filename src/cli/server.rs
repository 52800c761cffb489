//! What `run` and `demo` share: a pipeline and its HTTP server, until the end or Ctrl-C.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::history::{HistoryReader, HistorySettings, Store};
use crate::network::load_webhooks;
use crate::pipeline::{self, FlowSummary, Pipeline, PipelineOptions, Shared};
use crate::query::{Sql, SqlLimits};
use crate::serve::{AppState, Ingress, app, serve};
use crate::tasks::{Stop, spawn_task};
use crate::telemetry::{Metrics, NotReady, Readiness};

/// How often the end of the pipeline is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A pipeline that is served.
pub(super) struct Server {
    pub shared: Shared,
    pub pipeline: Pipeline,
    pub address: SocketAddr,
    stopping: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<Result<()>>,
}

impl Server {
    /// Starts pipeline and HTTP server. Ctrl-C and SIGTERM stop both.
    pub async fn start(settings: &Settings, brokers: String) -> Result<Server> {
        let catalog = Arc::new(Catalog::load(&settings.schemas, &settings.sql)?);
        let listener = TcpListener::bind(&settings.http).await.map_err(|e| {
            Error::unavailable(format!("cannot listen on {}", settings.http))
                .hint("choose another address with --http, or port 0 for a free one")
                .caused_by(e)
        })?;
        let address = listener.local_addr().map_err(|e| Error::internal("the listener has no address").caused_by(e))?;
        let shared = Shared {
            clock: Clock::System,
            stop: Stop::default(),
            readiness: Arc::new(Readiness::default()),
            metrics: Arc::new(Metrics::default()),
        };
        let environment = |name: &str| std::env::var(name).ok();
        let webhooks = load_webhooks(&settings.collectors, &environment)?;
        let ingress = Ingress::new(&catalog.tables, webhooks, brokers.clone());
        let options = PipelineOptions {
            catalog,
            brokers,
            accept_loss: settings.accept_loss.iter().cloned().collect(),
            dead_letter_topic: settings.dead_letter_topic.clone(),
            store: Store::open(&settings.data)?,
            history: HistorySettings {
                commit_every_ms: settings.commit_every_ms,
                roll_bytes: settings.roll_bytes,
                roll_after_ms: settings.roll_after_ms,
                checkpoint_every_ms: settings.checkpoint_every_ms,
                checkpoint_events_max: settings.checkpoint_events_max,
                keep_dead_letters_days: settings.keep_dead_letters_days,
                keep_generations_days: settings.keep_generations_days,
                enabled: settings.history,
            },
            epoch_rows_max: settings.epoch_rows_max,
            epoch_wait_max: Duration::from_millis(settings.epoch_ms_max),
            queued_kbytes_max: settings.fetch_queued_kbytes_max,
            memory_budget_bytes: settings.memory_budget_bytes,
            max_rows_recompute: settings.max_rows_recompute,
            shards: settings.shards,
            drain: settings.drain,
            as_of_us: settings.as_of,
            standby: settings.standby,
            takeover_after: Duration::from_millis(settings.takeover_after_ms),
        };
        let store = options.store.clone();
        let pipeline = pipeline::start(options, &shared)?;
        let (hot, readiness) = (pipeline.hot().clone(), shared.readiness.clone());
        let mut state = AppState::new(hot, readiness, shared.metrics.clone(), shared.clock.clone())?;
        state.ingress = Some(Arc::new(ingress));
        if settings.history {
            let sql = Sql::new(SqlLimits::default())?;
            state.sql = Arc::new(sql.with_history(HistoryReader::new(store)));
        }
        let (stopping, mut stopped) = watch::channel(false);
        let shutdown = async move {
            // An error means that the sender is gone: that is a stop, too.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let serving = spawn_task(serve(listener, app(state), shutdown));
        let stop = shared.stop.clone();
        spawn_task(async move {
            stop_signal().await;
            stop.raise();
        });
        Ok(Server { shared, pipeline, address, stopping, serving })
    }

    /// Waits until the pipeline has ended, then ends the server.
    pub async fn wait(self) -> Result<FlowSummary> {
        while !self.pipeline.is_finished() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.shared.readiness.add(NotReady::Stopping);
        self.stopping.send_replace(true);
        let summary = self.pipeline.wait();
        let served = self.serving.await.map_err(|e| Error::internal("the HTTP server panicked").caused_by(e))?;
        let summary = summary?;
        served.map(|()| summary)
    }
}

/// Ctrl-C or SIGTERM.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
