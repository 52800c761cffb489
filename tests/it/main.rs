//! The integration tests, in one binary: each further one would link DataFusion again.

mod refused_catalog;
