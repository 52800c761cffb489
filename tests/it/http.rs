//! The HTTP interface on hot tables built by hand: status, headers and body of every route.

mod events;
mod lookups;
mod one_epoch;
mod plan;
mod recompute;
mod routes;
mod server;
mod sql;
mod waits;
pub mod world;
