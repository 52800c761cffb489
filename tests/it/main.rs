//! The integration tests, in one binary: each further one would link DataFusion again.

mod http;
mod refused_catalog;
