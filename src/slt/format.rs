//! Rows as text, and the difference of two multisets of rows.

use std::collections::BTreeMap;
use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;

/// A difference prints this many rows of each side.
const SHOWN_ROWS_MAX: usize = 20;

/// The cells of each row. NULL is `NULL`, the empty text `(empty)`.
pub(super) fn cells(batch: &RecordBatch) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for column in batch.columns() {
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        for (i, row) in rows.iter_mut().enumerate() {
            row.push(cell(column, &formatter, i)?);
        }
    }
    Ok(rows)
}

fn cell(column: &ArrayRef, formatter: &ArrayFormatter<'_>, i: usize) -> Result<String> {
    let text = match column.data_type() {
        DataType::Utf8 if column.is_valid(i) => column.as_string::<i32>().value(i).to_string(),
        _ => formatter.value(i).try_to_string()?,
    };
    Ok(if text.is_empty() { "(empty)".to_string() } else { text })
}

/// A text of a column; None for NULL and for columns of another type.
pub(super) fn text(column: &ArrayRef, i: usize) -> Option<&str> {
    let column = column.as_string_opt::<i32>()?;
    column.is_valid(i).then(|| column.value(i))
}

/// The rows as lines, sorted: equal multisets of rows give equal lists.
pub fn sorted_lines(batch: &RecordBatch) -> Result<Vec<String>> {
    let mut lines: Vec<String> = cells(batch)?.into_iter().map(|row| row.join(" | ")).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// What `found` has too little (`-`) and too much (`+`) against `expected`; None: nothing.
pub fn difference(expected: &[String], found: &[String]) -> Option<String> {
    let mut weights: BTreeMap<&str, i64> = BTreeMap::new();
    for line in expected {
        *weights.entry(line).or_default() -= 1;
    }
    for line in found {
        *weights.entry(line).or_default() += 1;
    }
    weights.retain(|_, weight| *weight != 0);
    if weights.is_empty() {
        return None;
    }
    let mut text = String::new();
    for (sign, negative) in [('-', true), ('+', false)] {
        let of_sign = weights.iter().filter(|(_, weight)| (**weight < 0) == negative);
        for (line, weight) in of_sign.clone().take(SHOWN_ROWS_MAX) {
            let times = if weight.abs() == 1 { String::new() } else { format!("   ({} times)", weight.abs()) };
            writeln!(text, "  {sign} {line}{times}").expect("writing to a String does not fail");
        }
        let more = of_sign.count().saturating_sub(SHOWN_ROWS_MAX);
        if more > 0 {
            writeln!(text, "  {sign} ({more} more)").expect("writing to a String does not fail");
        }
    }
    Some(text)
}
