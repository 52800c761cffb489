//! `POST /v1/sql`: `{"query": "SELECT ...", "limit": 100}`, answered as JSON or, by `Accept`, as an Arrow IPC stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::body;
use super::problem::Problem;
use super::router::{BODY_BYTES_MAX, Shared};
use crate::error::Error;
use crate::query::{Format, Outcome, SqlRequest};

const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

/// Headers of an answer, for those who cannot read them in the body.
const EPOCH: HeaderName = HeaderName::from_static("rebateflow-epoch");
const HISTORY_EPOCH: HeaderName = HeaderName::from_static("rebateflow-history-epoch");
const TRUNCATED: HeaderName = HeaderName::from_static("rebateflow-truncated");
const ERRORS: HeaderName = HeaderName::from_static("rebateflow-errors");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlBody {
    query: String,
    limit: Option<usize>,
}

pub(super) async fn sql(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.answer(&shared.sql, run(&shared, request)).await
}

async fn run(shared: &Shared, request: Request) -> Result<Response, Problem> {
    let format = format(request.headers());
    let body = body::read(request, BODY_BYTES_MAX, "send a shorter query").await?;
    let SqlBody { query, limit } = serde_json::from_slice(&body).map_err(|e| {
        let hint = "send {\"query\": \"SELECT ...\"}, and \"limit\" if you like";
        Error::invalid(format!("the body is not such a request: {e}")).hint(hint)
    })?;
    let published = shared.app.hot.snapshot();
    let sql = &shared.app.sql;
    let answer = match sql.run(published.clone(), SqlRequest { query, limit, format }).await? {
        Outcome::Answer(answer) => answer,
        Outcome::Busy => {
            let message = format!("{} queries are running already", sql.limits().concurrent);
            return Err(Error::unavailable(message).hint("ask again in a second").into());
        }
        Outcome::OutOfTime => {
            let detail = format!("the query took longer than {:?}", sql.limits().time_max);
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail, "read fewer rows, or make a view of it"));
        }
    };
    let mut response = Response::new(Body::from(answer.body));
    let headers = response.headers_mut();
    let content_type = if format == Format::Arrow { ARROW_STREAM } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let epoch = |name: &str| {
        HeaderValue::from_str(name).map_err(|e| Error::internal("an epoch is not a header value").caused_by(e))
    };
    headers.insert(EPOCH, epoch(&published.epoch_name())?);
    if let Some(name) = &answer.history_epoch {
        headers.insert(HISTORY_EPOCH, epoch(name)?);
    }
    headers.insert(TRUNCATED, HeaderValue::from_static(if answer.truncated { "true" } else { "false" }));
    headers.insert(ERRORS, HeaderValue::from(answer.errors));
    Ok(response)
}

/// JSON unless the Arrow stream is named.
fn format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    let arrow = kinds.any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == ARROW_STREAM));
    if arrow { Format::Arrow } else { Format::Json }
}
