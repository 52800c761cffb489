//! Tests of views as text: `.slt` files (sqllogictest), for the engine's own tests and for the analysts' views.
//!
//! Contract: a file holds `CREATE TABLE`, `CREATE [MATERIALIZED] VIEW`, `INSERT`, `UPDATE`, `DELETE` and `query`
//! records. Changes of tables become events. A file runs under several schedules (how events are cut into epochs); at
//! each query, and at each comment `# check`, every materialized view must hold what the batch oracle computes:
//! DataFusion over the canonical plan and the file's own rows, without any operator of the engine. With a project a file
//! begins with its tables and views; `# views: a, b` takes these and what they read, and nothing else.

mod case;
mod dml;
mod events;
mod format;
mod oracle;
mod oracle_join;
mod run;
mod runner;
mod script;
mod session;
mod shrink;
mod suite;
mod table_copy;

#[cfg(test)]
mod tests;

pub use format::{difference, sorted_lines};
pub use oracle::BatchAnswer;
pub use runner::{Report, Runner, Schedule};
pub use script::Script;
pub use suite::{Suite, find_scripts};
