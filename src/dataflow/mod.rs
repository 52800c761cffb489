//! The dataflow: the operators of all views as one graph, run an epoch at a time.
//!
//! Contract: equal sub-plans run once; a view that others read runs once; arrangements are shared where the rows are the
//! same. An operator that breaks stops the views downstream of it and no others. Rows are spread over shards by the hash
//! of a key; answers do not depend on their number (I8).

mod build;
mod describe;
mod exchange;
mod explain;
mod graph;
mod placement;
mod run;
mod saving;
mod workers;

pub use build::{build, check_key};
pub use graph::{Found, Output, ViewSpec};
pub use run::{Dataflow, NodeStatistics, OutputState};
pub use workers::{PARALLEL_ROWS_MIN, Workers};
