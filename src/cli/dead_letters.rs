//! `rebateflow dead-letters list|show|replay`: the messages that could not be read, and why.
//!
//! It reads the storage only, as `history` does: the newest commit, while a process writes or when none does.

use std::collections::VecDeque;
use std::sync::Arc;

use clap::{Args, Subcommand};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};

use super::print::{Format, print};
use super::replay::{ReplayArguments, replay};
use crate::changes::Position;
use crate::config::{Overrides, Settings};
use crate::error::{Error, Result};
use crate::explain::counted;
use crate::history::{Dataset, DatasetRows, HistoryPin, HistoryReader, Store};

/// What `list` shows; the message itself is shown by `show`.
const LISTED: [&str; 7] = ["topic", "partition", "offset", "timestamp", "table", "field", "error"];

#[derive(Debug, Args)]
pub(super) struct DeadLettersArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the newest dead letters, a line each.
    List(ListArguments),
    /// Print one message whole.
    Show(ShowArguments),
    /// Produce messages to their topics again: each takes effect once, however often it is replayed.
    Replay(ReplayArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Only those of this table.
    #[arg(long)]
    table: Option<String>,
    /// As many of the newest.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// How they are printed; json is one object a line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The data directory [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// Topic, partition and offset, as `orders/0/42`.
    message: String,
    /// The data directory [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
}

pub(super) fn dead_letters(arguments: &DeadLettersArguments) -> Result<()> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Replay(arguments) => replay(arguments),
    }
}

fn stored(data: Option<&String>) -> Result<HistoryPin> {
    let overrides = Overrides { data: data.cloned(), ..Overrides::default() };
    let settings = Settings::load(None, std::env::vars(), &overrides)?;
    pinned(&settings.data)
}

/// The last commit in a data directory.
pub(super) fn pinned(data: &str) -> Result<HistoryPin> {
    let pin = HistoryReader::new(Store::open_existing(data)?).pin()?;
    pin.ok_or_else(|| {
        Error::not_found(format!("nothing is stored in {data}")).hint("name the data directory with --data")
    })
}

/// The next rows; None at the end.
fn next(rows: &mut DatasetRows) -> Result<Option<RecordBatch>> {
    rows.next(&mut |_| Ok(()))
}

fn list(arguments: &ListArguments) -> Result<()> {
    let (limit, mut all) = (arguments.limit as usize, 0);
    let (mut newest, mut held) = (VecDeque::new(), 0);
    let pin = stored(arguments.data.as_ref())?;
    let mut rows = pin.rows(&Dataset::DeadLetters, None);
    while let Some(mut batch) = next(&mut rows)? {
        if let Some(wanted) = &arguments.table {
            let tables = column(&batch, "table")?.as_string::<i32>().clone();
            let of_table = tables.iter().map(|table| Some(table == Some(wanted.as_str()))).collect::<BooleanArray>();
            batch = filter_record_batch(&batch, &of_table)?;
        }
        let listed = LISTED.map(|name| batch.schema().index_of(name));
        batch = batch.project(&listed.into_iter().collect::<Result<Vec<usize>, _>>()?)?;
        (all, held) = (all + batch.num_rows(), held + batch.num_rows());
        newest.push_back(batch);
        while newest.front().is_some_and(|first: &RecordBatch| held - first.num_rows() >= limit) {
            held -= newest.pop_front().map_or(0, |first| first.num_rows());
        }
    }
    let tables = &pin.manifest().tables;
    if let Some(wanted) = arguments.table.as_ref().filter(|wanted| all == 0 && !tables.contains_key(*wanted)) {
        let names: Vec<&str> = tables.keys().map(String::as_str).collect();
        return Err(Error::not_found(format!("there is no table {wanted}"))
            .hint(format!("the tables are: {}", names.join(", "))));
    }
    if let Some(first) = newest.front_mut().filter(|_| held > limit) {
        let over = held - limit;
        *first = first.slice(over, first.num_rows() - over);
    }
    let schema = newest.front().map(RecordBatch::schema);
    print(schema.as_ref(), newest.into_iter().map(Ok), arguments.format)?;
    tell!(
        "{}{}",
        counted(all, "dead letter"),
        if all > limit { format!("; these are the newest {limit}") } else { String::new() }
    );
    Ok(())
}

fn show(arguments: &ShowArguments) -> Result<()> {
    let Position { topic, partition, offset } = position(&arguments.message)?;
    let mut rows = stored(arguments.data.as_ref())?.rows(&Dataset::DeadLetters, None);
    while let Some(batch) = next(&mut rows)? {
        let (topics, partitions) = (column(&batch, "topic")?.as_string::<i32>(), column(&batch, "partition")?);
        let (partitions, offsets) = (partitions.as_primitive::<Int32Type>(), column(&batch, "offset")?);
        let offsets = offsets.as_primitive::<Int64Type>();
        let is_it =
            |&i: &usize| topics.value(i) == &*topic && partitions.value(i) == partition && offsets.value(i) == offset;
        if let Some(at) = (0..batch.num_rows()).find(is_it) {
            return print_message(&batch.slice(at, 1));
        }
    }
    Err(not_found(&arguments.message))
}

/// The position that an argument names.
pub(super) fn position(text: &str) -> Result<Position> {
    Position::parse(text).ok_or_else(|| {
        Error::invalid(format!("{text} is no position of a message"))
            .hint("write topic, partition and offset like orders/0/42")
    })
}

/// No such dead letter.
pub(super) fn not_found(message: &str) -> Error {
    Error::not_found(format!("{message} is not among the dead letters")).hint("rebateflow dead-letters list shows them")
}

/// One line a column; bytes as text if they are UTF-8, else in hexadecimal.
fn print_message(row: &RecordBatch) -> Result<()> {
    let shown = |column: &ArrayRef| -> ArrayRef {
        let Some(bytes) = column.as_binary_opt::<i32>() else { return column.clone() };
        let text = |bytes: &[u8]| match str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            Err(_) => format!("hex {}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        };
        Arc::new(bytes.iter().map(|bytes| bytes.map(text)).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = row.columns().iter().map(shown).collect();
    let schema = row.schema();
    let field = |(field, column): (&Arc<Field>, &ArrayRef)| match field.data_type() {
        DataType::Binary => Field::new(field.name(), column.data_type().clone(), true),
        _ => field.as_ref().clone(),
    };
    let fields: Vec<Field> = schema.fields().iter().zip(&columns).map(field).collect();
    let row = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    print(None, std::iter::once(Ok(row)), Format::Json)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::data(format!("dead letters without a column {name}")))
}
