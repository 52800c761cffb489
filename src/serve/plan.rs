//! `GET /v1/views/{view}/plan`: the operators of a view, with what was measured of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::problem::Problem;
use super::router::{self, Shared};
use crate::error::Error;
use crate::hot::Hot;

pub(super) async fn plan(State(shared): State<Arc<Shared>>, Path(view): Path<String>) -> Response {
    shared.answer(&shared.plan, async { explain(&shared.app.hot, &view) }).await
}

fn explain(hot: &Hot, view: &str) -> Result<Response, Problem> {
    let explanations = hot.explanations();
    let Some(explanation) = explanations.get(view) else {
        let published = hot.snapshot();
        if published.table(view).is_some() {
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
