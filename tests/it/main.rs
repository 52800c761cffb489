//! The integration tests, in one binary: each further one would link DataFusion again.

mod bank;
mod budget;
mod clock;
mod collect;
mod commands;
mod cost;
mod cut;
mod decode;
mod event_batch;
mod generated;
mod history;
mod http;
mod kafka;
mod memory;
mod nexmark;
mod product;
mod random;
mod refused;
mod refused_catalog;
mod retained;
mod simulation;
mod slt;
mod truth;
