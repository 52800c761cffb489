//! The routes. Handlers note their own figures: a layer around every request would cost more than a lookup.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::events::EVENTS_BYTES_MAX;
use super::ingress::Ingress;
use super::problem::Problem;
use super::wait::WAIT_MAX;
use super::webhooks::WEBHOOK_BYTES_MAX;
use super::{events, health, listing, lookup, plan, sql, webhooks};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::hot::Hot;
use crate::query::{Sql, SqlLimits};
use crate::telemetry::{Metrics, Readiness, RouteMetrics};

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// What the routes answer from.
#[derive(Clone, Debug)]
pub struct AppState {
    pub hot: Arc<Hot>,
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
    pub sql: Arc<Sql>,
    pub clock: Clock,
    /// Where events go that come in; None: nowhere.
    pub ingress: Option<Arc<Ingress>>,
    /// How long a request waits for `min_epoch` or `min_offset`.
    pub wait_max: Duration,
}

impl AppState {
    /// With the usual limits, and without a history.
    pub fn new(hot: Arc<Hot>, readiness: Arc<Readiness>, metrics: Arc<Metrics>, clock: Clock) -> Result<Self> {
        let sql = Arc::new(Sql::new(SqlLimits::default())?);
        Ok(AppState { hot, readiness, metrics, sql, clock, ingress: None, wait_max: WAIT_MAX })
    }
}

/// The state of a running router: shared by all requests.
pub(super) struct Shared {
    pub app: AppState,
    pub views: RouteMetrics,
    pub view: RouteMetrics,
    pub plan: RouteMetrics,
    pub sql: RouteMetrics,
    pub events: RouteMetrics,
    pub webhooks: RouteMetrics,
    other: RouteMetrics,
}

impl Shared {
    fn new(app: AppState) -> Self {
        Shared {
            views: app.metrics.route("/v1/views"),
            view: app.metrics.route("/v1/views/{view}"),
            plan: app.metrics.route("/v1/views/{view}/plan"),
            sql: app.metrics.route("/v1/sql"),
            events: app.metrics.route("/v1/events/{table}"),
            webhooks: app.metrics.route("/v1/webhooks/{network}"),
            other: app.metrics.route("other"),
            app,
        }
    }

    /// Where events go.
    pub fn ingress(&self) -> Result<&Arc<Ingress>> {
        self.app.ingress.as_ref().ok_or_else(|| Error::unavailable("this server takes no events"))
    }

    /// Turns the outcome of a route into its answer, and notes it.
    pub async fn answer(
        &self,
        route: &RouteMetrics,
        outcome: impl Future<Output = Result<Response, Problem>>,
    ) -> Response {
        let start = self.app.clock.instant();
        let response = outcome.await.unwrap_or_else(Problem::into_response);
        let time = self.app.clock.instant().saturating_duration_since(start);
        route.observe(response.status().as_u16(), time);
        response
    }
}

/// All routes.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/v1/views", get(listing::views))
        .route("/v1/views/{view}", get(lookup::view))
        .route("/v1/views/{view}/plan", get(plan::plan))
        .route("/v1/sql", post(sql::sql).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route("/v1/events/{table}", post(events::events).layer(DefaultBodyLimit::max(EVENTS_BYTES_MAX)))
        .route("/v1/webhooks/{network}", post(webhooks::webhook).layer(DefaultBodyLimit::max(WEBHOOK_BYTES_MAX)))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .with_state(Arc::new(Shared::new(state)))
}

/// A JSON answer.
pub(super) fn json(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn unknown_path(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let hint = "the paths are: /v1/views, /v1/views/{view}, /v1/views/{view}/plan, /v1/sql, /v1/events/{table}, \
                /v1/webhooks/{network}, /health/live, /health/ready, /metrics";
    let problem = Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()), hint);
    shared.answer(&shared.other, async { Err(problem) }).await
}

async fn wrong_method(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response {
    let posts = ["/v1/sql", "/v1/events/", "/v1/webhooks/"];
    let allowed = if posts.iter().any(|path| uri.path().starts_with(path)) { "POST" } else { "GET" };
    let detail = format!("{method} is not a method of {}", uri.path());
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail, format!("use {allowed}"));
    shared.answer(&shared.other, async { Err(problem) }).await.into_response()
}
