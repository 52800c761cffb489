//! The body of a request, within bounds.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

use super::problem::Problem;
use crate::error::Error;

/// The time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// Reads a body. The route's layer holds it to `bytes_max`.
pub(super) async fn read(request: Request, bytes_max: usize, hint: &str) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIME_MAX, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body is longer than {bytes_max} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail, hint))
        }
        Ok(Err(rejection)) => Err(Error::invalid(format!("the body cannot be read: {}", rejection.body_text())).into()),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", BODY_TIME_MAX.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail, "ask again"))
        }
    }
}
