//! Collectors: a network is polled by its definition, a log file is followed; what is found goes to Kafka.
//!
//! Contract: at least once, and no gap. A cursor is moved only after the broker has confirmed everything before it, so a
//! crash reads again what was read; what comes twice is the same record, version and content, and views count it once.
//! Calls have a rate, attempts and pauses a limit, answers a size.
//!
//! A round of a sweep reads from before the last round's end up to now, window by window:
//! `Collector::step` ─▶ `pages::read_window` ─▶ `Client::ask` ─▶ `Sink::send` ... `Sink::confirm` ─▶ `Cursor::save`.

mod client;
mod collector;
mod cursor;
mod follow;
mod logs;
mod pages;
mod rate;
mod sink;

pub use client::{ATTEMPTS_MAX, Client};
pub use collector::{Collector, CollectorOptions};
pub use follow::{Follower, Line, Position};
pub use logs::{LogCollector, LogOptions, log_event};
pub use sink::{KafkaSink, Sink};
