//! The catalog: tables (`schemas/*.sql`) and views (`sql/*.sql`), checked as a whole.
//!
//! Contract: a `Catalog` is consistent. Names are unique, every name that a view reads exists, there is no cycle,
//! and `views` is in dependency order. Everything found wrong is reported at once, each with its place.

mod table;
mod view;

pub use table::{Column, KeyFormat, METADATA, Table, UnknownFields, Upsert};
pub use view::{History, OnError, SourceFile, View};
