//! rebateflow: SQL views over Kafka events, kept equal to the batch answer.
#![deny(unsafe_code)]

pub mod catalog;
pub mod changes;
pub mod clock;
pub mod demo;
pub mod error;
pub mod ingest;
pub mod operators;
pub mod planner;
pub mod state;
pub mod tasks;
