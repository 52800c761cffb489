//! Ingest: from the bytes of Kafka messages to batches of accepted events and dead letters.
//!
//! Contract: every message becomes exactly one accepted row or exactly one dead letter; nothing is coerced.

mod decode;
mod fetch;
mod positions;
mod producer;
mod queue;
mod reader;
mod submission;
mod topics;

pub use decode::{
    BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, COLUMNS_MAX, Decoded, Decoder, Fault, MESSAGE_BYTES_MAX, Message, Reason,
    Reject,
};
pub use fetch::{FetchContext, FetchOptions, FetchState, Fetched, fetch};
pub use positions::Kafka;
pub use producer::{Outgoing, Producer};
pub use submission::{NotARow, Submission, Written, confirm};
