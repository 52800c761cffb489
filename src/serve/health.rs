//! `/health/live`, `/health/ready`, `/metrics`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::Problem;
use super::router::{self, Shared};
use crate::telemetry::METRICS_CONTENT_TYPE;

/// 200 as long as the process answers at all.
pub(super) async fn live() -> Response {
    router::json(b"{\"live\":true}".to_vec())
}

/// 200 when questions get current answers; else 503 with the reasons.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let reasons: Vec<&str> = shared.app.readiness.reasons().into_iter().map(|reason| reason.as_str()).collect();
    if reasons.is_empty() {
        return router::json(b"{\"ready\":true}".to_vec());
    }
    let mut answer = json!({ "ready": false, "reasons": reasons });
    if let Some(error) = shared.app.readiness.commit_error() {
        answer["commit_error"] = error.as_str().into();
    }
    let mut response = router::json(answer.to_string().into_bytes());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match shared.app.metrics.encode(&shared.app.readiness) {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(METRICS_CONTENT_TYPE));
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}
