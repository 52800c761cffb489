//! What an operator of rebateflow sees: log lines, metrics in the Prometheus text format, and readiness.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// Environment variable with the log filter, such as `info` or `rebateflow=debug,warn`.
pub const LOG_FILTER: &str = "REBATEFLOW_LOG";

/// Content type of `Metrics::encode`.
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Sends log lines to stderr, as text or as one JSON object a line. Once a process.
///
/// Errors: `Invalid` for a bad filter, `Internal` when logging runs already.
pub fn init_logging(json: bool) -> Result<()> {
    let filter = match std::env::var(LOG_FILTER) {
        Ok(text) => EnvFilter::try_new(&text).map_err(|e| {
            Error::invalid(format!("{LOG_FILTER} is not a log filter"))
                .hint("write a level (error, warn, info, debug, trace), or rebateflow=debug,warn")
                .caused_by(e)
        })?,
        Err(_) => EnvFilter::new("info"),
    };
    // When nobody reads stderr any more there is nowhere to say so, and no reason to end.
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let started = if json { lines.json().try_init() } else { lines.try_init() };
    started.map_err(|e| Error::internal("logging was started twice").caused_by(e))
}

/// Why this process is not ready to be asked. The words are part of the answer of `/health/ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotReady {
    Starting,
    Standby,
    ReplayingHistory,
    BrokerUnreachable,
    TopicMissing,
    Behind,
    StateBudget,
    CommitsFail,
    Stopping,
}

impl NotReady {
    const ALL: [NotReady; 9] = [
        NotReady::Starting,
        NotReady::Standby,
        NotReady::ReplayingHistory,
        NotReady::BrokerUnreachable,
        NotReady::TopicMissing,
        NotReady::Behind,
        NotReady::StateBudget,
        NotReady::CommitsFail,
        NotReady::Stopping,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            NotReady::Starting => "starting",
            NotReady::Standby => "standby",
            NotReady::ReplayingHistory => "replaying history",
            NotReady::BrokerUnreachable => "broker unreachable",
            NotReady::TopicMissing => "topic missing",
            NotReady::Behind => "behind",
            NotReady::StateBudget => "state_budget",
            NotReady::CommitsFail => "commits fail",
            NotReady::Stopping => "stopping",
        }
    }
}

/// The reasons why this process is not ready; ready when there is none. Starts with `Starting`.
#[derive(Debug)]
pub struct Readiness {
    reasons: ArcSwap<Vec<NotReady>>,
    /// The error of the last attempt to commit, while commits fail.
    commit_error: ArcSwapOption<String>,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness { reasons: ArcSwap::from_pointee(vec![NotReady::Starting]), commit_error: ArcSwapOption::empty() }
    }
}

impl Readiness {
    pub fn ready(&self) -> bool {
        self.reasons.load().is_empty()
    }

    /// The reasons in the order of `NotReady`, each once.
    pub fn reasons(&self) -> Vec<NotReady> {
        self.reasons.load().to_vec()
    }

    /// What is wrong with the commits; None: nothing.
    pub fn commit_error(&self) -> Option<Arc<String>> {
        self.commit_error.load_full()
    }

    /// An attempt to commit has failed, or the commits are well again. Answers whether they were.
    pub fn set_commit_error(&self, error: Option<String>) -> bool {
        self.set(NotReady::CommitsFail, error.is_some());
        self.commit_error.swap(error.map(Arc::new)).is_none()
    }

    /// A reason holds from now on.
    pub fn add(&self, reason: NotReady) {
        self.set(reason, true);
    }

    /// A reason holds no longer.
    pub fn remove(&self, reason: NotReady) {
        self.set(reason, false);
    }

    /// Adds or removes a reason; costs a read when nothing changes.
    pub fn set(&self, reason: NotReady, holds: bool) {
        if self.reasons.load().contains(&reason) == holds {
            return;
        }
        self.reasons.rcu(|reasons| {
            let mut reasons: Vec<NotReady> = reasons.iter().copied().filter(|&r| r != reason).collect();
            if holds {
                reasons.push(reason);
                reasons.sort_unstable();
            }
            reasons
        });
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableOutcome {
    table: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ViewName {
    view: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteStatus {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteName {
    route: &'static str,
}

/// Counters of one table's events: accepted + rejected + replayed again = consumed (I4).
#[derive(Clone, Debug)]
pub struct TableEvents {
    pub accepted: Counter,
    pub rejected: Counter,
    /// Events that replay a dead letter; they are among the accepted ones.
    pub replayed: Counter,
    /// Replays of a dead letter that was replayed before: consumed, without effect.
    pub replayed_again: Counter,
}

/// Figures of one route. Held by the router, so that a request looks nothing up.
#[derive(Clone, Debug)]
pub struct RouteMetrics {
    route: &'static str,
    ok: Counter,
    seconds: Histogram,
    requests: Family<RouteStatus, Counter>,
}

impl RouteMetrics {
    /// Notes one answered request.
    pub fn observe(&self, status: u16, time: Duration) {
        if status == 200 {
            self.ok.inc();
        } else {
            self.requests.get_or_create(&RouteStatus { route: self.route, status }).inc();
        }
        self.seconds.observe(time.as_secs_f64());
    }
}

/// Every metric of the process. Labels come from the catalog and from fixed lists, so their number is bounded.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Newest published epoch.
    pub epoch: Gauge,
    /// Time from the closing of a batch to its publication.
    pub epoch_seconds: Histogram,
    /// Time from an event's timestamp to its publication.
    pub publish_lag_seconds: Histogram,
    /// Events in the broker that are not consumed yet.
    pub lag_events: Gauge,
    pub commits: Counter,
    pub commit_failures: Counter,
    pub commit_seconds: Histogram,
    pub checkpoint_pause_seconds: Histogram,
    pub commit_bytes: Counter,
    /// Dead letters that their topic has; after a restart some are counted again.
    pub dead_letters_delivered: Counter,
    state_bytes: Gauge,
    state_budget_bytes: Gauge,
    ready: Gauge,
    not_ready: Family<Reason, Gauge>,
    events: Family<TableOutcome, Counter>,
    replays: Family<TableOutcome, Counter>,
    view_rows: Family<ViewName, Gauge>,
    view_bytes: Family<ViewName, Gauge>,
    view_errors: Family<ViewName, Gauge>,
    view_failed: Family<ViewName, Gauge>,
    http_requests: Family<RouteStatus, Counter>,
    http_seconds: Family<RouteName, Histogram>,
}

/// A size as a gauge holds it.
fn gauge(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// 100 microseconds to 52 seconds.
fn wide_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 20))
}

/// 20 microseconds to 10 seconds: a lookup takes tens of microseconds.
fn request_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_02, 2.0, 20))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("rebateflow"),
            epoch: Gauge::default(),
            epoch_seconds: wide_buckets(),
            publish_lag_seconds: wide_buckets(),
            lag_events: Gauge::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            commit_seconds: wide_buckets(),
            checkpoint_pause_seconds: wide_buckets(),
            commit_bytes: Counter::default(),
            dead_letters_delivered: Counter::default(),
            state_bytes: Gauge::default(),
            state_budget_bytes: Gauge::default(),
            ready: Gauge::default(),
            not_ready: Family::default(),
            events: Family::default(),
            replays: Family::default(),
            view_rows: Family::default(),
            view_bytes: Family::default(),
            view_errors: Family::default(),
            view_failed: Family::default(),
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(request_buckets),
        };
        metrics.register_pipeline();
        metrics.register_serving();
        metrics
    }
}

impl Metrics {
    fn register_pipeline(&mut self) {
        let r = &mut self.registry;
        r.register("events", "Events consumed, by table and outcome", self.events.clone());
        let help = "Replays of dead letters, by table: accepted, or without effect because one was before";
        r.register("replays", help, self.replays.clone());
        r.register("epoch", "Newest published epoch of this run", self.epoch.clone());
        let help = "Time from the closing of a batch to its publication";
        r.register_with_unit("epoch", help, Unit::Seconds, self.epoch_seconds.clone());
        let help = "Time from the timestamp of an event to its publication";
        r.register_with_unit("publish_lag", help, Unit::Seconds, self.publish_lag_seconds.clone());
        r.register("lag_events", "Events in the broker that are not consumed yet", self.lag_events.clone());
        r.register("commits", "Durable commits", self.commits.clone());
        let help = "Attempts to commit or to roll that failed; each is made again";
        r.register("commit_failures", help, self.commit_failures.clone());
        r.register_with_unit("commit", "Time of a commit", Unit::Seconds, self.commit_seconds.clone());
        let pause = self.checkpoint_pause_seconds.clone();
        r.register_with_unit("checkpoint_pause", "Time that a checkpoint stops epochs", Unit::Seconds, pause);
        r.register_with_unit("commit", "Bytes written by commits", Unit::Bytes, self.commit_bytes.clone());
        let help = "Dead letters produced to their topic and confirmed";
        r.register("dead_letters_delivered", help, self.dead_letters_delivered.clone());
        let help = "Bytes of state in memory; above the budget nothing is consumed";
        r.register_with_unit("state", help, Unit::Bytes, self.state_bytes.clone());
        let help = "Bytes of state that the setting memory_budget_bytes allows";
        r.register_with_unit("state_budget", help, Unit::Bytes, self.state_budget_bytes.clone());
    }

    fn register_serving(&mut self) {
        let r = &mut self.registry;
        r.register("view_rows", "Rows of a view", self.view_rows.clone());
        r.register("view_bytes", "Bytes that a view holds in memory", self.view_bytes.clone());
        r.register("view_errors", "Rows kept out of a view by errors", self.view_errors.clone());
        r.register("view_failed", "1 while a view does not serve", self.view_failed.clone());
        r.register("http_requests", "Requests answered, by route and status", self.http_requests.clone());
        r.register_with_unit("http", "Time to answer a request", Unit::Seconds, self.http_seconds.clone());
        r.register("ready", "1 when /health/ready answers 200", self.ready.clone());
        let help = "1 for each reason that /health/ready gives";
        r.register("not_ready", help, self.not_ready.clone());
    }

    /// The counters of a table, made on first use.
    pub fn table_events(&self, table: &str) -> TableEvents {
        let outcome = |outcome| TableOutcome { table: table.to_string(), outcome };
        TableEvents {
            accepted: self.events.get_or_create_owned(&outcome("accepted")),
            rejected: self.events.get_or_create_owned(&outcome("rejected")),
            replayed: self.replays.get_or_create_owned(&outcome("accepted")),
            replayed_again: self.replays.get_or_create_owned(&outcome("again")),
        }
    }

    /// Sets the figures of a view: rows, bytes, rows kept out by errors.
    pub fn set_view(&self, view: &str, rows: i64, bytes: usize, errors: i64) {
        let name = ViewName { view: view.to_string() };
        self.view_rows.get_or_create(&name).set(rows);
        self.view_bytes.get_or_create(&name).set(gauge(bytes as u64));
        self.view_errors.get_or_create(&name).set(errors);
    }

    /// Says whether a view serves.
    pub fn set_view_failed(&self, view: &str, failed: bool) {
        self.view_failed.get_or_create(&ViewName { view: view.to_string() }).set(i64::from(failed));
    }

    /// Sets the bytes of state, and how many there may be.
    pub fn set_state(&self, bytes: u64, budget: u64) {
        self.state_bytes.set(gauge(bytes));
        self.state_budget_bytes.set(gauge(budget));
    }

    /// Forgets a view that is no longer served.
    pub fn remove_view(&self, view: &str) {
        let name = ViewName { view: view.to_string() };
        self.view_rows.remove(&name);
        self.view_bytes.remove(&name);
        self.view_errors.remove(&name);
        self.view_failed.remove(&name);
    }

    /// The figures of a route.
    pub fn route(&self, route: &'static str) -> RouteMetrics {
        RouteMetrics {
            route,
            ok: self.http_requests.get_or_create_owned(&RouteStatus { route, status: 200 }),
            seconds: self.http_seconds.get_or_create_owned(&RouteName { route }),
            requests: self.http_requests.clone(),
        }
    }

    /// All metrics as OpenMetrics text.
    pub fn encode(&self, readiness: &Readiness) -> Result<String> {
        let reasons = readiness.reasons();
        self.ready.set(i64::from(reasons.is_empty()));
        for reason in NotReady::ALL {
            let name = Reason { reason: reason.as_str() };
            self.not_ready.get_or_create(&name).set(i64::from(reasons.contains(&reason)));
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)
            .map_err(|e| Error::internal("metrics cannot be written").caused_by(e))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_their_documented_names() {
        let metrics = Metrics::default();
        metrics.table_events("orders").accepted.inc_by(3);
        metrics.table_events("orders").rejected.inc();
        metrics.table_events("orders").replayed_again.inc();
        metrics.epoch.set(7);
        metrics.epoch_seconds.observe(0.002);
        metrics.publish_lag_seconds.observe(0.01);
        metrics.lag_events.set(12);
        metrics.commits.inc();
        metrics.commit_failures.inc_by(2);
        metrics.commit_seconds.observe(0.1);
        metrics.checkpoint_pause_seconds.observe(0.01);
        metrics.commit_bytes.inc_by(1000);
        metrics.set_view("balance", 5, 4096, 1);
        let route = metrics.route("/v1/views");
        route.observe(200, Duration::from_millis(1));
        route.observe(404, Duration::from_millis(1));
        metrics.set_view_failed("balance", true);
        metrics.set_state(900, 1000);
        let readiness = Readiness::default();
        assert!(metrics.encode(&readiness).expect("text").contains("rebateflow_ready 0"));
        readiness.remove(NotReady::Starting);
        readiness.add(NotReady::Behind);
        let not_ready = metrics.encode(&readiness).expect("text");
        assert!(not_ready.contains("rebateflow_not_ready{reason=\"behind\"} 1"), "{not_ready}");
        readiness.remove(NotReady::Behind);
        let text = metrics.encode(&readiness).expect("text");
        for line in [
            "rebateflow_events_total{table=\"orders\",outcome=\"accepted\"} 3",
            "rebateflow_events_total{table=\"orders\",outcome=\"rejected\"} 1",
            "rebateflow_replays_total{table=\"orders\",outcome=\"accepted\"} 0",
            "rebateflow_replays_total{table=\"orders\",outcome=\"again\"} 1",
            "rebateflow_epoch 7",
            "rebateflow_epoch_seconds_count 1",
            "rebateflow_publish_lag_seconds_sum 0.01",
            "rebateflow_lag_events 12",
            "rebateflow_commits_total 1",
            "rebateflow_commit_failures_total 2",
            "rebateflow_commit_seconds_count 1",
            "rebateflow_checkpoint_pause_seconds_count 1",
            "rebateflow_commit_bytes_total 1000",
            "rebateflow_dead_letters_delivered_total 0",
            "rebateflow_view_rows{view=\"balance\"} 5",
            "rebateflow_view_bytes{view=\"balance\"} 4096",
            "rebateflow_view_errors{view=\"balance\"} 1",
            "rebateflow_http_requests_total{route=\"/v1/views\",status=\"200\"} 1",
            "rebateflow_http_requests_total{route=\"/v1/views\",status=\"404\"} 1",
            "rebateflow_http_seconds_count{route=\"/v1/views\"} 2",
            "rebateflow_view_failed{view=\"balance\"} 1",
            "rebateflow_state_bytes 900",
            "rebateflow_state_budget_bytes 1000",
            "rebateflow_not_ready{reason=\"behind\"} 0",
            "rebateflow_not_ready{reason=\"state_budget\"} 0",
            "rebateflow_ready 1",
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
        }
        metrics.remove_view("balance");
        assert!(!metrics.encode(&readiness).expect("text").contains("balance"));
    }

    #[test]
    fn ready_when_no_reason_is_left() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons(), [NotReady::Starting]);
        readiness.add(NotReady::Behind);
        readiness.add(NotReady::BrokerUnreachable);
        readiness.add(NotReady::Behind);
        readiness.remove(NotReady::Starting);
        assert_eq!(readiness.reasons(), [NotReady::BrokerUnreachable, NotReady::Behind]);
        assert!(!readiness.ready());
        readiness.remove(NotReady::Behind);
        readiness.remove(NotReady::BrokerUnreachable);
        assert!(readiness.ready());
    }
}
