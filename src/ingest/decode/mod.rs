//! The JSON decoder: Kafka messages of one table to Arrow columns, compiled from the table's schema.
//!
//! Contract
//! - A message is accepted when it is exactly one JSON object that fits the table; else it is a reject with its field
//!   and reason. A bad message costs itself only.
//! - Values are exact or refused: 19.990 fits DECIMAL(18,2) and 1e3 fits BIGINT, 19.999 and 1.9 do not. No decimal
//!   passes through a float.
//! - For valid JSON the reason is fixed: the first fault in document order; missing fields come last.
//!
//! How it works, in the order of the files
//! 1. `scan` copies a message into a scratch buffer and ends it with NUL, which is valid nowhere in JSON text and so
//!    stops every scanner: there are no end checks, and wide loads stay inside the padding.
//! 2. `gap` remembers the bytes between two values (comma, key, colon, spaces): one comparison finds the next column,
//!    and no key is parsed as long as messages look like those before.
//! 3. `number`, `time` and `column` read a value into `column[row]`, fast for the usual forms and exactly for all.
//! 4. `object` walks the fields of one message. A bad message just does not advance `row`: the next one overwrites it.
//! 5. `tombstone` reads the key of a message without a value; `rest` keeps undeclared fields.
//! 6. `decoder` runs a batch and adds the metadata columns.

mod column;
mod decoder;
mod gap;
mod metadata;
mod number;
mod object;
mod reject;
mod rest;
mod scan;
mod simd;
mod skip;
mod string_values;
mod time;
mod tombstone;
mod unchecked;

pub use decoder::{BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, COLUMNS_MAX, Decoded, Decoder, MESSAGE_BYTES_MAX, Message};
pub use reject::{Fault, Reason, Reject};

#[cfg(test)]
mod tests;
