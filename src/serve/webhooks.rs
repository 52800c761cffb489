//! `POST /v1/webhooks/{network}`: what a network sends by itself, as a form or as JSON, with the shared secret.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::body;
use super::ingress::{answer, unwritten};
use super::problem::Problem;
use super::router::{self, Shared};
use crate::ingest::{Outgoing, confirm};
use crate::network::decode_form;

/// Bytes of a request's body.
pub const WEBHOOK_BYTES_MAX: usize = 256 << 10;
/// The parameter or header with the secret: some networks can only be given a URL.
const PARAMETER: &str = "secret";
const HEADER: &str = "rebateflow-secret";
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) async fn webhook(
    State(shared): State<Arc<Shared>>,
    Path(network): Path<String>,
    request: Request,
) -> Response {
    shared.answer(&shared.webhooks, deliver(&shared, &network, request)).await
}

async fn deliver(shared: &Shared, network: &str, request: Request) -> Result<Response, Problem> {
    let ingress = shared.ingress()?;
    let webhook = ingress.webhook(network)?.clone();
    let secret = secret(request.headers(), request.uri().query().unwrap_or_default());
    if !secret.is_some_and(|secret| webhook.admits(&secret)) {
        let hint = format!("give it as {HEADER}: ..., as authorization: Bearer ..., or as ?{PARAMETER}=...");
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the secret is missing or wrong", hint));
    }
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with(FORM));
    let _turn = ingress.turn().await?;
    let body = body::read(request, WEBHOOK_BYTES_MAX, "send less at once").await?;
    let messages = webhook.messages(&body, is_form, shared.app.clock.now_us())?;
    // The first one is the body itself.
    let count = messages.len() - 1;
    let written = ingress
        .write(move |producer| {
            for message in &messages {
                let (topic, value) = (message.topic.as_str(), Some(message.value.as_bytes()));
                producer
                    .send(&Outgoing { topic, partition: None, key: None, value, headers: &[] })
                    .map_err(unwritten)?;
            }
            confirm(producer).map_err(unwritten)
        })
        .await?;
    Ok(router::json(answer(count, &written)))
}

fn secret(headers: &HeaderMap, query: &str) -> Option<Vec<u8>> {
    if let Some(value) = headers.get(HEADER) {
        return Some(value.as_bytes().to_vec());
    }
    if let Some(token) = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
    {
        return Some(token.to_vec());
    }
    let fields = decode_form(query)?;
    fields.into_iter().find(|(name, _)| name == PARAMETER).map(|(_, value)| value.into_bytes())
}
