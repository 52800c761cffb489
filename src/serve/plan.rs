//! `GET /v1/views/{view}/plan`: the operators of a view, with what was measured of them.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;

use super::problem::Problem;
use super::router::{self, Shared};
use crate::error::Error;
use crate::hot::Hot;

pub(super) async fn plan(State(shared): State<Arc<Shared>>, path: Result<Path<String>, PathRejection>) -> Response {
    shared.answer(&shared.plan, async { explain(&shared.app.hot, path) }).await
}

fn explain(hot: &Hot, path: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let Path(view) = path.map_err(|e| Error::invalid(e.body_text()))?;
    let explanations = hot.explanations();
    let Some(explanation) = explanations.get(view.as_str()) else {
        let published = hot.snapshot();
        if published.table(&view).is_some() {
            return Err(Error::unavailable(format!("the operators of view {view} are not known yet"))
                .hint("ask again in a second")
                .into());
        }
        let names: Vec<&str> = published.tables().keys().map(|name| &**name).collect();
        return Err(Error::not_found(format!("there is no view {view}"))
            .hint(format!("the views are: {}", names.join(", ")))
            .into());
    };
    let body = serde_json::to_vec(explanation).map_err(|e| Error::internal("a plan is not JSON").caused_by(e))?;
    Ok(router::json(body))
}
