//! Ingest: from the bytes of Kafka messages to batches of accepted events and rejects.
//!
//! Contract: every message becomes exactly one accepted row or exactly one reject; nothing is coerced.

mod decode;

pub use decode::{
    BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, COLUMNS_MAX, Decoded, Decoder, Fault, MESSAGE_BYTES_MAX, Message, Reason,
    Reject,
};
