//! The integration tests, in one binary: each further one would link DataFusion again.

mod generated;
mod refused_catalog;
