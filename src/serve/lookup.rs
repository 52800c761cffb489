//! `GET /v1/views/{view}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;

use super::problem::Problem;
use super::router::{Shared, json};
use super::wait;
use crate::error::Error;
use crate::query::{Lookup, Parameters};

/// Bytes of a URL's query part.
const QUERY_BYTES_MAX: usize = 8 << 10;

pub(super) async fn view(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Response {
    shared.answer(&shared.view, find(&shared, path, &uri)).await
}

async fn find(shared: &Shared, path: Result<Path<String>, PathRejection>, uri: &Uri) -> Result<Response, Problem> {
    let Path(view) = path.map_err(|e| Error::invalid(e.body_text()))?;
    let parameters = parameters(uri)?;
    let hot = &shared.app.hot;
    // Faults are told before any waiting.
    let mut published = hot.snapshot();
    let mut lookup = Lookup::new(&published, &view, &parameters)?;
    if parameters.waits() {
        published = wait::pin(hot, &parameters, shared.app.wait_max).await?;
        lookup = Lookup::new(&published, &view, &parameters)?;
    }
    let mut body = Vec::with_capacity(1_024);
    lookup.write(&published, &mut body)?;
    Ok(json(body))
}

fn parameters(uri: &Uri) -> Result<Parameters, Problem> {
    if uri.query().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        return Err(Error::invalid(format!("the URL's query is longer than {QUERY_BYTES_MAX} bytes")).into());
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|e| Error::invalid(e.body_text()))?;
    Ok(Parameters::parse(pairs)?)
}
