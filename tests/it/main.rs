//! The integration tests, in one binary: each further one would link DataFusion again.

mod decode;
mod generated;
mod history;
mod http;
mod kafka;
mod refused_catalog;
mod slt;
