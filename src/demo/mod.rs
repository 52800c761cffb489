//! The demo's parts: a seeded generator of events, an embedded broker, and the feed between the two.
//!
//! Contract: what the generator yields is a function of its options alone, so a test that makes a second generator
//! with the same options knows every row that was produced, without a decoder. The embedded broker keeps little, so
//! the feed never runs further ahead of the reader than the broker keeps.

mod agenda;
mod batch;
mod books;
mod broker;
mod browse;
mod calendar;
mod campaign;
mod click;
mod fault;
mod feed;
mod generator;
mod line;
mod poll;
mod random;
mod record;
mod row;
mod rule;
mod statement;
mod stock;
mod tables;
mod text;
mod users;
mod world;

pub use batch::rows_to_batch;
pub use broker::{EmbeddedBroker, PARTITIONS};
pub use feed::{Consumed, Feed, FeedOptions, FeedProgress, FeedReport, Pace, TopicCount, partition_of};
pub use generator::{Generated, Generator, GeneratorOptions};
pub use poll::Meaning;
pub use random::Random;
pub use row::{Record, Value};
pub use stock::sku_id;
pub use tables::*;
pub use text::{push_date, push_decimal, push_time};
pub use users::user_id;
