//! `rebateflow history VIEW`: a view as it was at a time or an epoch.
//!
//! It reads the storage only and takes nothing from a process that writes it, so it works while one runs and when none
//! does. Rows go to stdout, everything else to stderr.

use chrono::DateTime;
use clap::Args;

use super::print::{Format, print};
use crate::config::{Overrides, Settings};
use crate::error::{Error, Result};
use crate::explain::counted;
use crate::history::{HistoryReader, Manifest, Moment, Store, epoch_number, moment_name};

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
        tell!("note: {note}");
    }
    let past = pin.view_at(&arguments.view, moment, settings.memory_budget_bytes)?;
    print(past.schema.as_ref(), past.batches(), arguments.format)?;
    let rows = counted(usize::try_from(past.rows()).unwrap_or(usize::MAX), "row");
    match past.last_change {
        Some((epoch, at_us)) => tell!("{rows}; the last change was at {}", moment_name(epoch, at_us)),
        None => tell!("{rows}; there was no change yet"),
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
