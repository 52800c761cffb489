//! rebateflow: SQL views over Kafka events, kept equal to the batch answer.
#![deny(unsafe_code)]

pub mod catalog;
pub mod changes;
pub mod checkpoint;
pub mod clock;
pub mod commit;
pub mod dataflow;
pub mod demo;
pub mod engine;
pub mod error;
pub mod history;
pub mod hot;
pub mod ingest;
pub mod operators;
pub mod planner;
pub mod recovery;
pub mod slt;
pub mod state;
pub mod tasks;
