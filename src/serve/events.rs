//! `POST /v1/events/{table}`: a JSON array of events, or one a line. Answered when the broker has them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::value::RawValue;

use super::body;
use super::ingress::{answer, unwritten};
use super::problem::Problem;
use super::router::{self, Shared};
use crate::catalog::Table;
use crate::error::Error;
use crate::ingest::Submission;

/// Bytes of a request's body.
pub const EVENTS_BYTES_MAX: usize = 4 << 20;
/// Events of a request.
pub const EVENTS_MAX: usize = 10_000;

pub(super) async fn events(State(shared): State<Arc<Shared>>, Path(table): Path<String>, request: Request) -> Response {
    shared.answer(&shared.events, submit(&shared, &table, request)).await
}

async fn submit(shared: &Shared, table: &str, request: Request) -> Result<Response, Problem> {
    let ingress = shared.ingress()?;
    let table = ingress.table(table)?.clone();
    // Before the body is read: bodies are bounded in number, too.
    let _turn = ingress.turn().await?;
    let body = body::read(request, EVENTS_BYTES_MAX, "send fewer events in a request").await?;
    let count = events_in(&body)?.len();
    let written = ingress
        .write(move |producer| {
            let submission = checked(&table, &body)?;
            submission.produce(producer).map_err(unwritten)
        })
        .await?;
    Ok(router::json(answer(count, &written)))
}

/// One event and where it stands in the body, in words.
type Event<'a> = (String, &'a [u8]);

/// The events of a body: the members of an array, or the lines.
fn events_in(body: &Bytes) -> Result<Vec<Event<'_>>, Problem> {
    let events: Vec<Event<'_>> = if body.trim_ascii_start().starts_with(b"[") {
        let members: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|e| Error::invalid(format!("the body is not a JSON array: {e}")).hint(HINT))?;
        members.into_iter().enumerate().map(|(i, event)| (format!("event {}", i + 1), event.get().as_bytes())).collect()
    } else {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
        lines.filter(|(_, line)| !line.is_empty()).map(|(i, line)| (format!("line {}", i + 1), line)).collect()
    };
    match events.len() {
        0 => Err(Error::invalid("the body has no events").hint(HINT).into()),
        1..=EVENTS_MAX => Ok(events),
        count => {
            let detail = format!("{count} events, at most {EVENTS_MAX} are taken at once");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail, "send fewer events in a request"))
        }
    }
}

const HINT: &str = "send a JSON array of objects, or one object a line";

fn checked<'a>(table: &Arc<Table>, body: &'a Bytes) -> Result<Submission<'a>, Problem> {
    let events = events_in(body)?;
    let values = events.iter().map(|(_, value)| *value).collect();
    Submission::new(table, values)?.map_err(|wrong| {
        let others = if wrong.others > 0 { format!(" ({} more are wrong)", wrong.others) } else { String::new() };
        let message = format!("{} is no row of {}: {}{others}", events[wrong.event].0, table.name, wrong.reason);
        Error::invalid(message).hint("nothing of the request is taken; put it right and send all of it").into()
    })
}
