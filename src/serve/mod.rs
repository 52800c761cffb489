//! HTTP: lookups, SQL, plans, events that come in, health and metrics. The only place that knows axum.
//!
//! Contract: every answer says its epoch and shows all views at that one epoch. Every error is a problem document of
//! RFC 9457. A request has a bound in size (`BODY_BYTES_MAX`, `EVENTS_BYTES_MAX`, `WEBHOOK_BYTES_MAX`), time (`WAIT_MAX`, the limits of SQL, `IDLE_MAX`) and
//! number (`CONNECTIONS_MAX`, one request at a time on each).

mod body;
mod connections;
mod events;
mod health;
mod ingress;
mod listing;
mod lookup;
mod plan;
mod problem;
mod router;
mod server;
mod sql;
mod wait;
mod webhooks;

pub use events::{EVENTS_BYTES_MAX, EVENTS_MAX};
pub use ingress::{Ingress, WRITING_MAX};
pub use problem::{Problem, status_of};
pub use router::{AppState, BODY_BYTES_MAX, app};
pub use server::{CONNECTIONS_MAX, IDLE_MAX, STOP_MAX, serve};
pub use wait::WAIT_MAX;
pub use webhooks::WEBHOOK_BYTES_MAX;
