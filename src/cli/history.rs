//! `rebateflow history VIEW`: a view as it was at a time or an epoch.
//!
//! It reads the storage only and takes nothing from a process that writes it, so it works while one runs and when none
//! does. Rows go to stdout, everything else to stderr.

use std::io::{BufWriter, Write};

use chrono::DateTime;
use clap::{Args, ValueEnum};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;

use crate::config::{Overrides, Settings};
use crate::error::{Error, Result};
use crate::explain::counted;
use crate::history::{HistoryReader, Manifest, Moment, PastView, Store, epoch_number, moment_name};
use crate::query::JsonColumns;

/// Flags of `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// The view; it is kept with history = 'changes'.
    view: String,
    /// A time (2026-01-31T12:00:00Z) or an epoch as answers name it (3.1200) [default: the last commit].
    #[arg(long, value_name = "TIME|EPOCH")]
    as_of: Option<String>,
    /// How rows are printed; json is one object a line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The data directory [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Prints the view's rows.
pub(super) fn history(arguments: &HistoryArguments) -> Result<()> {
    let moment = arguments.as_of.as_deref().map_or(Ok(Moment::Last), moment)?;
    let overrides = Overrides { data: arguments.data.clone(), ..Overrides::default() };
    let settings = Settings::load(None, std::env::vars(), &overrides)?;
    let store = Store::open_existing(&settings.data)?;
    let pin = HistoryReader::new(store).pin()?.ok_or_else(|| {
        Error::not_found(format!("nothing is stored in {}", settings.data)).hint("name the data directory with --data")
    })?;
    if let Some(note) = note(pin.manifest(), moment) {
        eprintln!("note: {note}");
    }
    let past = pin.view_at(&arguments.view, moment, settings.memory_budget_bytes)?;
    let written = match arguments.format {
        Format::Table => write_table(&past),
        Format::Json => write_lines(&past, json_lines),
        Format::Csv => write_lines(&past, csv_lines),
    };
    written?;
    let rows = counted(usize::try_from(past.rows()).unwrap_or(usize::MAX), "row");
    match past.last_change {
        Some((epoch, at_us)) => eprintln!("{rows}; the last change was at {}", moment_name(epoch, at_us)),
        None => eprintln!("{rows}; there was no change yet"),
    }
    Ok(())
}

/// Reads `3.1200` or a time.
fn moment(text: &str) -> Result<Moment> {
    let epoch = text.split_once('.').and_then(|(run, epoch)| Some((run.parse().ok()?, epoch.parse().ok()?)));
    if let Some((run, epoch)) = epoch {
        return Ok(Moment::Epoch(epoch_number(run, epoch)));
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(Moment::Time(time.timestamp_micros())),
        Err(e) => Err(Error::invalid(format!("--as-of is {text}, neither a time nor an epoch"))
            .hint("write it like 2026-01-31T12:00:00Z or 3.1200")
            .caused_by(e)),
    }
}

/// What is said of a moment that the history does not reach.
fn note(manifest: &Manifest, moment: Moment) -> Option<String> {
    let is_later = match moment {
        Moment::Time(time) => time > manifest.committed_at_us,
        Moment::Epoch(epoch) => epoch > manifest.epoch_number(),
        Moment::Last => false,
    };
    let committed = moment_name(manifest.epoch_number(), manifest.committed_at_us);
    is_later.then(|| format!("that is after the last commit; this is its state: {committed}"))
}

fn write_table(past: &PastView) -> Result<()> {
    let batches = past.batches().collect::<Result<Vec<RecordBatch>>>()?;
    let empty = past.schema.as_ref().map(|schema| RecordBatch::new_empty(schema.clone()));
    let batches: Vec<RecordBatch> = if batches.is_empty() { empty.into_iter().collect() } else { batches };
    if !batches.is_empty() {
        printed(writeln!(std::io::stdout(), "{}", pretty_format_batches(&batches)?))?;
    }
    Ok(())
}

/// Writes batch by batch; the first call has an empty batch, for a header.
fn write_lines(past: &PastView, lines: fn(&RecordBatch, bool, &mut Vec<u8>) -> Result<()>) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout());
    let header = past.schema.as_ref().map(|schema| Ok(RecordBatch::new_empty(schema.clone())));
    let is_header = header.is_some();
    for (i, batch) in header.into_iter().chain(past.batches()).enumerate() {
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
