//! The pipeline: three threads and the bounded channels between them, and one that produces dead letters.
//!
//! ```text
//! Kafka ──▶ fetch ──4 batches──▶ flow ──8,192 epochs──▶ commit ──▶ storage
//!           decode               operators, publish ──▶ hot tables ──▶ HTTP
//!                                                  └─ the dead letters in it ──▶ their Kafka topic, if there is one
//! ```
//! Contract: built back to front, so that each stage has somewhere to go. It ends front to back: fetch ends (told to
//! stop, or drained) and its channel closes; flow publishes the last epoch and its channel closes; commit commits and
//! rolls. A stage that fails stops all.

mod audits;
mod budget;
mod checkpoints;
mod commits;
mod dead_letters;
mod flow;
mod records;
mod standby;
mod start;
mod stepped;
mod wiring;

pub use flow::FlowSummary;
pub use stepped::Stepped;
pub use wiring::{Pipeline, PipelineOptions, Shared, start};
