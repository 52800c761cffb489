//! How commands print rows: as a table, as JSON lines or as CSV.

use std::io::{BufWriter, ErrorKind, Write};

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;

use crate::error::{Error, Result};
use crate::query::JsonColumns;

/// Writes a line to stdout.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::print::line(&mut std::io::stdout(), format_args!($($words)*)) };
}

/// Writes a line to stderr.
macro_rules! tell {
    ($($words:tt)*) => { $crate::cli::print::line(&mut std::io::stderr(), format_args!($($words)*)) };
}

/// A reader that went away, as `head` does, is no fault of the command, and nothing to end for; a full disk is said, where
/// that can be.
pub(super) fn line(to: &mut dyn Write, words: std::fmt::Arguments<'_>) {
    match to.write_fmt(format_args!("{words}\n")) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => drop(writeln!(std::io::stderr(), "error: cannot print: {e}")),
        _ => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
    Csv,
}

/// Prints rows to stdout. `schema`: their columns, if they are known before the first row.
pub(super) fn print(
    schema: Option<&SchemaRef>,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    format: Format,
) -> Result<()> {
    match format {
        Format::Table => write_table(schema, batches),
        Format::Json => write_lines(schema, batches, json_lines),
        Format::Csv => write_lines(schema, batches, csv_lines),
    }
}

fn write_table(schema: Option<&SchemaRef>, batches: impl Iterator<Item = Result<RecordBatch>>) -> Result<()> {
    let batches = batches.collect::<Result<Vec<RecordBatch>>>()?;
    let empty = schema.map(|schema| RecordBatch::new_empty(schema.clone()));
    let batches: Vec<RecordBatch> = if batches.is_empty() { empty.into_iter().collect() } else { batches };
    if !batches.is_empty() {
        printed(writeln!(std::io::stdout(), "{}", pretty_format_batches(&batches)?))?;
    }
    Ok(())
}

/// Writes batch by batch; the first call has an empty batch, for a header.
fn write_lines(
    schema: Option<&SchemaRef>,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    lines: fn(&RecordBatch, bool, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout());
    let header = schema.map(|schema| Ok(RecordBatch::new_empty(schema.clone())));
    let is_header = header.is_some();
    for (i, batch) in header.into_iter().chain(batches).enumerate() {
        let mut text = vec![];
        lines(&batch?, is_header && i == 0, &mut text)?;
        printed(out.write_all(&text))?;
    }
    printed(out.flush())
}

fn printed(written: std::io::Result<()>) -> Result<()> {
    written.map_err(|e| Error::unavailable("cannot write to stdout").caused_by(e))
}

fn json_lines(batch: &RecordBatch, _: bool, out: &mut Vec<u8>) -> Result<()> {
    let schema = batch.schema();
    let columns = JsonColumns::new(schema.fields(), batch.columns().iter())?;
    for i in 0..batch.num_rows() {
        columns.write_row(out, i)?;
        out.push(b'\n');
    }
    Ok(())
}

/// RFC 4180; NULL is empty, an empty text is `""`.
fn csv_lines(batch: &RecordBatch, header: bool, out: &mut Vec<u8>) -> Result<()> {
    let (schema, options) = (batch.schema(), FormatOptions::default());
    if header {
        let names: Vec<String> = schema.fields().iter().map(|field| csv_cell(field.name())).collect();
        out.extend_from_slice((names.join(",") + "\n").as_bytes());
    }
    let cells = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let cells = cells.collect::<std::result::Result<Vec<_>, _>>()?;
    for i in 0..batch.num_rows() {
        let row = cells.iter().zip(batch.columns()).map(|(cell, column)| match column.is_null(i) {
            true => String::new(),
            false => csv_cell(&cell.value(i).to_string()),
        });
        out.extend_from_slice((row.collect::<Vec<_>>().join(",") + "\n").as_bytes());
    }
    Ok(())
}

fn csv_cell(text: &str) -> String {
    match text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}
