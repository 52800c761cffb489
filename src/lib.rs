//! rebateflow: SQL views over Kafka events, kept equal to the batch answer.
#![deny(unsafe_code)]

pub mod catalog;
pub mod changes;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod commit;
pub mod config;
pub mod dataflow;
pub mod demo;
pub mod engine;
pub mod error;
pub mod history;
pub mod hot;
pub mod ingest;
pub mod operators;
pub mod pipeline;
pub mod planner;
pub mod query;
pub mod recovery;
pub mod serve;
pub mod slt;
pub mod state;
pub mod tasks;
pub mod telemetry;
