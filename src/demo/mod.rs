//! The demo's parts: a seeded generator of events, an embedded broker, and the feed between the two.
//!
//! Contract: what the generator yields is a function of its options alone, so a test that makes a second generator
//! with the same options knows every row that was produced, without a decoder. The embedded broker keeps little, so
//! the feed never runs further ahead of the reader than the broker keeps.

mod batch;
mod broker;
mod fault;
mod feed;
mod generator;
mod line;
mod random;
mod row;
mod rule;
mod stock;
mod text;

pub use batch::rows_to_batch;
pub use broker::{EmbeddedBroker, PARTITIONS};
pub use feed::{Consumed, Feed, FeedOptions, FeedProgress, FeedReport, TopicCount, partition_of};
pub use generator::{Generated, Generator, GeneratorOptions, TOPICS, user_id};
pub use random::Random;
pub use row::{AffiliateTxn, RateRule, Row, StockMovement, Value};
pub use stock::sku_id;
pub use text::{push_decimal, push_time};
