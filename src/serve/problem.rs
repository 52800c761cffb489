//! Problem documents (RFC 9457): what went wrong, what to do, and the status, which follows from the kind of the error.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::{Error, ErrorKind};
use crate::query::write_string;

/// The status of each kind of error.
pub fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Refused => StatusCode::CONFLICT,
        ErrorKind::Unavailable | ErrorKind::Fenced => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Data | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Seconds after which to ask again, said with every 503.
const RETRY_AFTER_S: &str = "1";

/// A problem document.
#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub detail: String,
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Problem { status, detail: detail.into(), hint: Some(hint.into()) }
    }

    /// `type` and `title` of a status: the same for the same kind of problem.
    fn kind(&self) -> (&'static str, &'static str) {
        match self.status {
            StatusCode::BAD_REQUEST => ("invalid", "The request is wrong"),
            StatusCode::UNAUTHORIZED => ("unauthorized", "Who asks is not known"),
            StatusCode::NOT_FOUND => ("not-found", "There is no such thing"),
            StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "The method is not for this resource"),
            StatusCode::CONFLICT => ("refused", "The request was understood and refused"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The request is too large"),
            StatusCode::REQUEST_TIMEOUT => ("too-slow", "The request came too slowly"),
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "Not now"),
            StatusCode::GATEWAY_TIMEOUT => ("timeout", "The time was over"),
            _ => ("internal", "A fault of the server"),
        }
    }

    fn body(&self) -> Vec<u8> {
        let (slug, title) = self.kind();
        let mut out = format!("{{\"type\":\"urn:rebateflow:problem:{slug}\",\"title\":").into_bytes();
        write_string(&mut out, title);
        out.extend_from_slice(format!(",\"status\":{},\"detail\":", self.status.as_u16()).as_bytes());
        write_string(&mut out, &self.detail);
        if let Some(hint) = &self.hint {
            out.extend_from_slice(b",\"hint\":");
            write_string(&mut out, hint);
        }
        out.push(b'}');
        out
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = status_of(error.kind);
        if status.is_server_error() && error.kind != ErrorKind::Unavailable {
            tracing::error!("{error}");
        }
        let mut detail = error.message.clone();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            detail = format!("{detail}: {source}");
            cause = source.source();
        }
        Problem { status, detail, hint: error.hint }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}
