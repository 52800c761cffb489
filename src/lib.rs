//! rebateflow: SQL views over Kafka events, kept equal to the batch answer.
#![deny(unsafe_code)]

pub mod catalog;
pub mod changes;
pub mod clock;
pub mod config;
pub mod error;
pub mod hot;
pub mod query;
pub mod serve;
pub mod state;
pub mod tasks;
pub mod telemetry;
