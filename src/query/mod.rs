//! Reading hot tables: lookups by key, and SQL over them, each at one pinned epoch; SQL also over the history.
//!
//! Contract: a lookup is synchronous, uses no SQL engine and costs what its rows cost; SQL is one SELECT within limits
//! of rows, time, memory and number at once. Both refuse a view that does not serve, and say how many rows errors keep
//! out of those that do. Answers are JSON (`json`) or, for SQL, an Arrow IPC stream.

mod answer;
mod from_datafusion;
mod history;
mod interrupt;
mod json;
mod key;
mod lookup;
mod page;
mod parameters;
mod pruning;
mod rows;
mod scan;
mod sql;
mod statement;

pub use answer::{serving, type_name};
pub use json::{JsonColumns, write_string, write_timestamp_us};
pub use lookup::{Lookup, SCAN_ROWS_MAX, UNORDERED_ROWS_MAX};
pub use parameters::{LIMIT_DEFAULT, LIMIT_MAX, MinimumEpoch, MinimumOffset, Parameters};
pub use sql::{Format, Outcome, Sql, SqlAnswer, SqlLimits, SqlRequest};
