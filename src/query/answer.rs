//! What lookups and SQL say about a view in the same way.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::catalog::OnError;
use crate::error::{Error, Result};
use crate::hot::{HotTable, Published};

/// Checks that a view can be answered from, and says how many rows errors keep out of it.
///
/// Errors: `Unavailable` when it failed or is not published yet, `Refused` when it has errors and `on_error = 'refuse'`.
pub fn serving(published: &Published, table: &HotTable) -> Result<i64> {
    let name = &table.name;
    let Some(state) = published.views.get(name) else {
        return Err(Error::unavailable(format!("view {name} is not published yet")).hint("ask again"));
    };
    if let Some(reason) = &state.failed {
        return Err(Error::unavailable(format!("view {name} has stopped serving: {reason}"))
            .hint("it serves again when it has been rebuilt"));
    }
    if state.errors > 0 && table.on_error == OnError::Refuse {
        let message = format!("{} rows are kept out of view {name} because they cannot be evaluated", state.errors);
        return Err(Error::refused(message).hint(format!("correct them, or create {name} with on_error = 'count'")));
    }
    Ok(state.errors)
}

/// A type in the words of our DDL; one that our DDL does not have, in Arrow's.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_string(),
        DataType::Int64 => "BIGINT".to_string(),
        DataType::Int32 => "INT".to_string(),
        DataType::Float64 => "DOUBLE".to_string(),
        DataType::Boolean => "BOOLEAN".to_string(),
        DataType::Date32 => "DATE".to_string(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP".to_string(),
        other => other.to_string(),
    }
}
