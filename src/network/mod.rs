//! Affiliate networks as data: a small file a network says how it is asked and where the records of an answer are.
//!
//! Contract: nothing here knows a network. A definition (`schemas/collectors/NAME.toml`) is read and checked; a request is made of
//! it for a window and a page; an answer is cut into records, a message each, exactly as the network wrote them. What a
//! field means is SQL (`sql/README.md`).

mod body;
mod definition;
mod fetch;
mod form;
mod record;
mod request;
mod span;
mod webhook;

pub use body::{Found, find, records, records_or_one, scalar};
pub use definition::{Answer, Definition, Fault, Paging, PagingKind, Rate, Remedy, Sweep};
pub use fetch::{BODY_BYTES_MAX, Fetch, RAW_TOPIC, RawMessage, sha256_hex};
pub use form::{decode_form, encode_form};
pub use request::{Call, Method, Place, Request};
pub use span::Span;
pub use webhook::{Webhook, load_webhooks};
