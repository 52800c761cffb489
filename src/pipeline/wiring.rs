//! Starts and ends the stages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::commits::CommitStage;
use super::dead_letters::Delivery;
use super::flow::{Flow, FlowOptions, FlowSummary};
use super::records::record_channel;
use super::standby::{Ready, Standby};
use crate::catalog::Catalog;
use crate::changes::Position;
use crate::checkpoint::Offsets;
use crate::clock::Clock;
use crate::commit::Committer;
use crate::dataflow::{PARALLEL_ROWS_MIN, Workers};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::history::{Heartbeat, HistorySettings, Store, ViewIdentity};
use crate::hot::Hot;
use crate::ingest::{FetchContext, FetchOptions, FetchState, Fetched, Kafka, fetch};
use crate::recovery::{self, Opening, Recovered};
use crate::state::SLOTS;
use crate::tasks::{Stop, spawn_thread};
use crate::telemetry::{Metrics, NotReady, Readiness};

/// Decoded batches between fetch and flow.
pub(super) const FETCHED_BATCHES: usize = 4;
/// Heartbeats in the time after which a standby takes over.
const BEATS: u32 = 5;
/// Messages of one decoded batch: large enough for a backlog, small enough for the caches.
const BATCH_ROWS_MAX: usize = 16_384;

/// What a pipeline works on.
pub struct PipelineOptions {
    pub catalog: Arc<Catalog>,
    pub brokers: String,
    /// The topics of which the user accepts that events are lost.
    pub accept_loss: BTreeSet<String>,
    /// The topic that dead letters are produced to, too.
    pub dead_letter_topic: Option<String>,
    pub store: Store,
    pub history: HistorySettings,
    /// Events after which a batch closes.
    pub epoch_rows_max: usize,
    /// Time after which a batch closes, however few events it has.
    pub epoch_wait_max: Duration,
    /// Kibibytes that the Kafka client may hold for each partition.
    pub queued_kbytes_max: u64,
    /// Bytes of state at which consumption stops.
    pub memory_budget_bytes: u64,
    /// Rows of one partition or group that are computed anew at a change.
    pub max_rows_recompute: usize,
    /// Shards of the state, with a thread each; 0: one for each core.
    pub shards: usize,
    /// Process what is there, commit, end.
    pub drain: bool,
    /// The time that the views go by, instead of now (microseconds since 1970-01-01 UTC).
    pub as_of_us: Option<i64>,
    /// Wait until the writer is gone.
    pub standby: bool,
    /// Silence after which a standby counts the writer as gone.
    pub takeover_after: Duration,
}

/// What all stages share.
#[derive(Clone)]
pub struct Shared {
    pub clock: Clock,
    pub stop: Stop,
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
}

/// A running pipeline.
pub struct Pipeline {
    hot: Arc<Hot>,
    running: Running,
}

enum Running {
    /// And whether they drain.
    Stages(Threads, bool),
    /// It starts the stages when it takes over, and waits for them.
    Standby(JoinHandle<Result<FlowSummary>>),
}

/// The stages' threads.
struct Threads {
    fetch: JoinHandle<Result<bool>>,
    flow: JoinHandle<Result<FlowSummary>>,
    commit: JoinHandle<Result<()>>,
}

/// Flow and commit, ready to run.
pub(super) struct Stages {
    pub flow: Flow,
    pub committer: Committer,
    pub heartbeat: Option<Heartbeat>,
    /// Where fetch goes on.
    pub offsets: Offsets,
    /// The dead letters of which a replay was accepted.
    pub replayed: BTreeSet<Position>,
}

/// The views as planned, with nothing in them.
fn planned(options: &PipelineOptions, shared: &Shared) -> Result<Engine> {
    let mut engine = Engine::for_catalog(&options.catalog, shared.clock.clone())?;
    for view in engine.views() {
        for warning in engine.explain_planned(&view.name).into_iter().flat_map(|explanation| explanation.warnings) {
            tracing::warn!(view = view.name, "{warning}");
        }
    }
    engine.limit_recompute(options.max_rows_recompute);
    engine.use_workers(Arc::new(Workers::new(shards(options.shards), PARALLEL_ROWS_MIN)?));
    engine.rebuild()?;
    Ok(engine)
}

/// The storage of these views.
pub(super) fn opening<'a>(options: &'a PipelineOptions, views: &'a [ViewIdentity], clock: &'a Clock) -> Opening<'a> {
    let (store, tables, settings) = (&options.store, &options.catalog.tables, options.history);
    Opening { store, tables, views, clock, settings, newest: None }
}

/// Plans the views and opens the storage.
pub(super) fn stages(options: &PipelineOptions, shared: &Shared) -> Result<Stages> {
    let engine = planned(options, shared)?;
    let recovered = recovery::open(opening(options, &engine.kept_views(), &shared.clock))?;
    stages_of(Ready { engine, restored: None }, recovered, options, shared)
}

fn stages_of(ready: Ready, recovered: Recovered, options: &PipelineOptions, shared: &Shared) -> Result<Stages> {
    let Ready { mut engine, restored } = ready;
    // All counters are there from the beginning: what counts from an unknown value has no first increase.
    options.catalog.tables.iter().for_each(|table| drop(shared.metrics.table_events(&table.name)));
    engine.begin_run(u64::from(recovered.run));
    let flow_options = FlowOptions {
        epoch_rows_max: options.epoch_rows_max,
        epoch_wait_max: options.epoch_wait_max,
        memory_budget_bytes: options.memory_budget_bytes,
        history: options.history.enabled,
        checkpoint_every: Duration::from_millis(options.history.checkpoint_every_ms),
        checkpoint_events_max: options.history.checkpoint_events_max,
        drain: options.drain,
        as_of_us: options.as_of_us,
    };
    let committer = Committer::new(options.store.clone(), recovered.end.clone(), options.history, shared.clock.clone());
    let (offsets, replayed) = (recovered.offsets.clone(), recovered.replayed()?);
    let every = options.takeover_after / BEATS;
    let heartbeat = Heartbeat::new(options.store.clone(), shared.clock.clone(), recovered.run, every);
    let heartbeat = options.history.enabled.then_some(heartbeat);
    let mut flow = Flow::new(engine, recovered, restored, flow_options);
    flow.sources = committer.sources().clone();
    Ok(Stages { flow, committer, heartbeat, offsets, replayed })
}

/// Plans the views, opens the storage and starts the stages; a standby opens the storage when the writer is gone.
///
/// Errors: everything that is wrong with the catalog or the storage; a broker that is away is not an error.
pub fn start(options: PipelineOptions, shared: &Shared) -> Result<Pipeline> {
    check_topics(&options)?;
    if !options.standby {
        let stages = stages(&options, shared)?;
        let hot = stages.flow.engine.hot().clone();
        return Ok(Pipeline { hot, running: Running::Stages(run(stages, &options, shared)?, options.drain) });
    }
    let engine = planned(&options, shared)?;
    let hot = engine.hot().clone();
    shared.readiness.add(NotReady::Standby);
    shared.readiness.remove(NotReady::Starting);
    let waiting = stage("standby", shared, move |shared| stand_by(engine, &options, shared))?;
    Ok(Pipeline { hot, running: Running::Standby(waiting) })
}

/// Waits for the writer to be gone, then is the writer.
fn stand_by(engine: Engine, options: &PipelineOptions, shared: &Shared) -> Result<FlowSummary> {
    let views = engine.kept_views();
    let mut standby = Standby::new(engine, options);
    loop {
        let Some(newest) = standby.follow(shared)? else {
            return Ok(FlowSummary::default());
        };
        let claim = Opening { newest: Some(newest), ..opening(options, &views, &shared.clock) };
        match recovery::open(claim) {
            Ok(recovered) => {
                let ready = standby.ready(&recovered)?;
                return run(stages_of(ready, recovered, options, shared)?, options, shared)?.wait(options.drain);
            }
            Err(error) if error.kind == ErrorKind::Unavailable => tracing::info!(%error, "not taken over"),
            Err(error) => return Err(error),
        }
    }
}

/// Starts the stages.
fn run(stages: Stages, options: &PipelineOptions, shared: &Shared) -> Result<Threads> {
    let Stages { flow, committer, heartbeat, offsets, replayed } = stages;
    let (tables, sources) = (options.catalog.tables.clone(), committer.sources().clone());
    let kafka = Arc::new(Kafka::new(&options.brokers, tables, options.queued_kbytes_max, sources)?);
    let (record_out, record_in) = record_channel();
    let delivery = options.dead_letter_topic.as_ref().map(|topic| {
        let before = committer.delivered().cloned();
        Delivery::start(&options.brokers, topic, options.store.clone(), before, shared)
    });
    let commits = CommitStage { committer, heartbeat, kafka: kafka.clone(), delivery: delivery.transpose()? };
    let commit = stage("commit", shared, move |shared| commits.run(&record_in, shared))?;

    let fetch_options = FetchOptions {
        offsets,
        replayed,
        accept_loss: options.accept_loss.clone(),
        batch_rows_max: BATCH_ROWS_MAX.min(options.epoch_rows_max),
        drain: options.drain,
    };
    let (fetched_out, fetched_in) = sync_channel(FETCHED_BATCHES);
    let flow = stage("flow", shared, move |shared| flow.run(&fetched_in, &record_out, shared))?;
    let fetch = stage("fetch", shared, move |shared| fetch_stage(&kafka, fetch_options, &fetched_out, shared))?;
    Ok(Threads { fetch, flow, commit })
}

/// Whether the topics that are named fit the tables.
fn check_topics(options: &PipelineOptions) -> Result<()> {
    let table_of = |topic: &str| options.catalog.tables.iter().find(|table| table.topic == topic);
    if let Some(topic) = options.accept_loss.iter().find(|topic| table_of(topic).is_none()) {
        return Err(Error::invalid(format!("--accept-loss {topic}: no table has this topic")));
    }
    let Some(topic) = &options.dead_letter_topic else { return Ok(()) };
    if let Some(table) = table_of(topic) {
        return Err(Error::invalid(format!("dead_letter_topic is {topic}, the topic of table {}", table.name))
            .hint("name another one: they would be read as events"));
    }
    match options.history.enabled {
        true => Ok(()),
        false => Err(Error::invalid("dead_letter_topic is set, but the history is off")
            .hint("dead letters are produced once they are durable; take one of the two settings away")),
    }
}

/// The given number, or one for each core.
fn shards(given: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    if given > 0 { given } else { cores().min(SLOTS) }
}

/// A thread that stops all others when it fails.
fn stage<T: Send + 'static>(
    name: &'static str,
    shared: &Shared,
    body: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
) -> Result<JoinHandle<Result<T>>> {
    let shared = shared.clone();
    spawn_thread(name, move || {
        let result = body(&shared);
        if let Err(error) = &result {
            tracing::error!(stage = name, %error, "a stage failed; stopping");
            shared.stop.raise();
        }
        result
    })
}

fn fetch_stage(kafka: &Kafka, options: FetchOptions, out: &SyncSender<Fetched>, shared: &Shared) -> Result<bool> {
    // Flow removes it, once it has published what was there.
    shared.readiness.add(NotReady::Behind);
    let mut report = |state: FetchState| {
        shared.readiness.set(NotReady::BrokerUnreachable, state == FetchState::Unreachable);
        shared.readiness.set(NotReady::TopicMissing, state == FetchState::NoTopic);
    };
    let mut lag = |events: i64| {
        shared.metrics.lag_events.set(events);
    };
    let (stop, clock) = (&shared.stop, &shared.clock);
    fetch(kafka, options, out, FetchContext { stop, clock, report: &mut report, lag: &mut lag })
}

impl Pipeline {
    /// Where readers find the views.
    pub fn hot(&self) -> &Arc<Hot> {
        &self.hot
    }

    /// Whether every stage has ended.
    pub fn is_finished(&self) -> bool {
        match &self.running {
            Running::Stages(threads, _) => threads.are_finished(),
            Running::Standby(thread) => thread.is_finished(),
        }
    }

    /// Waits for the end. The first error of any stage, in the order of the stages; a drain that was told to stop
    /// before its end is an error, too.
    pub fn wait(self) -> Result<FlowSummary> {
        match self.running {
            Running::Stages(threads, drain) => threads.wait(drain),
            Running::Standby(thread) => joined("standby", thread),
        }
    }
}

impl Threads {
    fn are_finished(&self) -> bool {
        self.fetch.is_finished() && self.flow.is_finished() && self.commit.is_finished()
    }

    fn wait(self, drain: bool) -> Result<FlowSummary> {
        let fetch = joined("fetch", self.fetch);
        let flow = joined("flow", self.flow);
        let commit = joined("commit", self.commit);
        let read_all = fetch?;
        let summary = flow?;
        commit?;
        if drain && !read_all {
            return Err(Error::unavailable("told to stop before everything was processed")
                .hint("what was processed is committed; the next run goes on from there"));
        }
        Ok(summary)
    }
}

fn joined<T>(name: &str, thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Error::internal(format!("the {name} thread panicked"))))
}
