//! Integration tests in one binary: each further one would link DataFusion again.

mod decode;
