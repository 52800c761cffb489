//! An optimized logical plan to a plan of incremental operators; what has no operator is refused.
//!
//! Contract: the compiled plan has the same columns, in the same order, as the logical one, and its rows at any time are
//! those that the logical one has over the same rows of tables.

mod aggregate;
mod compiler;
mod join;
mod plans;
mod range;
mod row_number;
mod table_rows;
mod window;

pub(super) use compiler::{Compiler, cannot_keep};
pub(super) use plans::with_schema;
pub(super) use table_rows::table_plan;
