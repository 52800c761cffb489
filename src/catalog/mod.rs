//! The catalog: tables (`schemas/*.sql`) and views (`sql/*.sql`), checked as a whole.
//!
//! Contract: a `Catalog` is consistent. Names are unique, a topic belongs to one table, every name that a view reads
//! exists, there is no cycle, and `views` is in dependency order. Everything found wrong is reported at once, each with
//! its place. What a definition says and this engine does not do is refused, never ignored.
//! Columns that a query names are not looked at here: that is the planner's work.
//!
//! From text to catalog: `statement` cuts a file into statements, `table_definition` and `view_definition` check one
//! statement each, `consistency` checks them against each other, `load` reads the directories.

mod branches;
mod build;
mod column_type;
mod consistency;
mod definition;
mod dropped;
mod load;
mod names;
mod options;
mod relations;
mod source;
mod statement;
mod table;
mod table_definition;
mod view;
mod view_definition;

#[cfg(test)]
mod product_tests;
#[cfg(test)]
mod tests;

pub use branches::name_branches;
pub use build::{Catalog, Loaded};
pub use definition::{Definition, parse_definitions};
pub use names::CLOCK;
pub use source::SourceFile;
pub use table::{Column, KeyFormat, METADATA, Table, UnknownFields, Upsert, clock_table};
pub use view::{History, OnError, View};
