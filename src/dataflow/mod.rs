//! The dataflow: the operators of all views as one graph, run an epoch at a time.
//!
//! Contract: equal sub-plans run once; a view that others read runs once; arrangements are shared where the rows are the
//! same. An operator that breaks stops the views downstream of it and no others.

mod build;
mod describe;
mod explain;
mod graph;
mod run;

pub use build::{build, check_key};
pub use graph::{Found, Output, ViewSpec};
pub use run::{Dataflow, NodeStatistics, OutputState};
