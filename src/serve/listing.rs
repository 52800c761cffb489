//! `GET /v1/views`: what can be asked for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::problem::Problem;
use super::router::{self, Shared};
use crate::error::Error;
use crate::hot::{HotTable, Published};
use crate::query::{type_name, write_timestamp_us};

pub(super) async fn views(State(shared): State<Arc<Shared>>) -> Response {
    shared.answer(&shared.views, async { list(&shared.app.hot.snapshot()) }).await
}

fn list(published: &Published) -> Result<Response, Problem> {
    let mut time = vec![];
    write_timestamp_us(&mut time, published.published_at_us);
    let time: Value = serde_json::from_slice(&time).map_err(|e| Error::internal("a time is not JSON").caused_by(e))?;
    let views: Vec<Value> = published.tables().values().map(|table| describe(published, table)).collect();
    let body = json!({ "epoch": published.epoch_name(), "published_at": time, "views": views });
    Ok(router::json(body.to_string().into_bytes()))
}

fn describe(published: &Published, table: &HotTable) -> Value {
    let state = published.views.get(&table.name).cloned().unwrap_or_default();
    let column = |field: &Arc<datafusion::arrow::datatypes::Field>| json!({ "name": field.name(), "type": type_name(field.data_type()), "nullable": field.is_nullable() });
    let mut view = json!({
        "name": &*table.name,
        "columns": table.schema.fields().iter().map(column).collect::<Vec<_>>(),
        "key": table.key_names(),
        "unique": table.unique,
        "class": table.class,
        "rows": state.rows,
        "bytes": state.bytes,
        "errors": state.errors,
        "epoch": published.epoch_name(),
    });
    if let Some(reason) = state.failed {
        view["failed"] = Value::from(reason);
    }
    view
}
