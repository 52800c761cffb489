//! Each dataset as a Delta Lake table: a log of its files in `_delta_log`, for readers that know Delta.
//!
//! After the files of a roll are there, one log entry adds those of a dataset, all at once. What an entry says follows
//! from the roll alone. Its number is the one after the last that the manifest names; where that is taken, it is by a
//! crash of ours, and then it names the same files, or by somebody else, and then the next number is tried. So a roll that
//! is done again adds nothing twice, and a Delta snapshot holds committed rows only, each once. Files that are dropped
//! are taken out by the same entry.
//!
//! The few actions of the protocol that an append needs are written here (DECISIONS.md says why). The tables need a
//! reader of version 3 with `timestampNtz`. Statistics are those that every reader compares alike: rows, and the bounds
//! of integers, dates and times.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::{self, cast};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::manifest::CommitRange;
use super::paths::Dataset;
use super::roller::RolledFile;
use super::rows::schema_fingerprint;
use super::store::{Created, Store};
use crate::error::{Error, Result};

/// Entries of somebody else in a row that are stepped over.
const FOREIGN_ENTRIES_MAX: u64 = 1_000;
/// The column of the directories.
const DATE: &str = "_date";

/// The end of a dataset's Delta log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaTable {
    /// Number of the last entry of ours.
    pub version: u64,
    /// When the first entry was written, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// Fingerprint of the columns.
    pub schema: String,
}

/// A file to add, with its footer.
pub(super) struct AddedFile {
    pub file: RolledFile,
    pub footer: ArrowReaderMetadata,
}

/// The roll that adds files.
pub(super) struct Entry {
    pub commits: CommitRange,
    /// The time of its last commit, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
}

/// Adds files of a dataset to its log, and takes others out. `before` is the end of the log, None before its first entry.
/// Answers the new end; None: the dataset has a column that Delta does not have, and no log.
pub(super) fn append(
    store: &Store,
    dataset: &Dataset,
    (files, removed): (&[AddedFile], &[RolledFile]),
    before: Option<&DeltaTable>,
    entry: &Entry,
) -> Result<Option<DeltaTable>> {
    let newest = match (files.last(), before) {
        (Some(newest), _) => Some(newest.footer.schema()),
        (None, Some(_)) if !removed.is_empty() => None,
        (None, before) => return Ok(before.cloned()),
    };
    let columns = match newest.map(|schema| table_schema(schema)).transpose() {
        Ok(columns) => columns,
        Err(column) => {
            tracing::warn!(folder = %dataset.folder(), column, "no Delta log: Delta has no such column");
            return Ok(None);
        }
    };
    let schema = newest.map(|schema| schema_fingerprint(schema)).or_else(|| Some(before?.schema.clone()));
    let mut table = DeltaTable {
        version: before.map_or(0, |table| table.version + 1),
        created_ms: before.map_or(entry.at_ms, |table| table.created_ms),
        schema: schema.unwrap_or_default(),
    };
    let mut actions = vec![commit_info(entry, removed.is_empty())];
    if before.is_none() {
        let features = ["timestampNtz"];
        actions.push(json!({ "protocol": {
            "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features,
        } }));
    }
    if let Some(columns) = columns.filter(|_| before.is_none_or(|before| before.schema != table.schema)) {
        actions.push(metadata(dataset, &table, &columns));
    }
    for file in removed {
        actions.push(json!({ "remove": {
            "path": relative(dataset, file), "deletionTimestamp": entry.at_ms, "dataChange": true,
        } }));
    }
    for file in files {
        actions.push(add(dataset, file, entry)?);
    }
    let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
    let first = table.version;
    loop {
        let path = path(dataset, table.version);
        if store.create(&path, text.clone())? == Created::New || says(&store.read(&path)?, &actions) {
            return Ok(Some(table));
        }
        tracing::warn!(%path, "somebody else wrote to this Delta log");
        table.version += 1;
        if table.version - first > FOREIGN_ENTRIES_MAX {
            return Err(Error::data(format!("{path} and those before it are not ours"))
                .hint("nobody else may write to the Delta tables of this directory"));
        }
    }
}

fn path(dataset: &Dataset, version: u64) -> Path {
    dataset.folder().join("_delta_log").join(format!("{version:020}.json"))
}

/// The folder of the dataset and the number of an entry, if this is the path of one.
pub(super) fn entry_of(path: &Path) -> Option<(String, u64)> {
    let (folder, entry) = path.as_ref().split_once("/_delta_log/")?;
    Some((folder.to_string(), entry.strip_suffix(".json")?.parse().ok()?))
}

/// The commits of the roll that wrote an entry; None: somebody else did.
pub(super) fn commits_of(entry: &[u8]) -> Option<CommitRange> {
    let text = String::from_utf8_lossy(entry);
    let mut actions = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let info = actions.find_map(|action| Some(action.get("commitInfo")?.get("rebateflow.commits")?.clone()))?;
    let (from, to) = info.as_str()?.split_once('-')?;
    Some(CommitRange { from: from.parse().ok()?, to: to.parse().ok()? })
}

/// Whether an entry adds and removes the files that these actions do.
fn says(entry: &[u8], actions: &[Value]) -> bool {
    let lines = String::from_utf8_lossy(entry);
    let there: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let there = paths(&there);
    paths(actions).iter().all(|path| there.contains(path))
}

/// The files of some actions, and what is done with them.
fn paths(actions: &[Value]) -> BTreeSet<(&str, &str)> {
    let named = |action: &'static str| {
        actions.iter().filter_map(move |of| Some((action, of.get(action)?.get("path")?.as_str()?)))
    };
    named("add").chain(named("remove")).collect()
}

/// The path of a file as the log names it: below the folder of its dataset.
fn relative<'a>(dataset: &Dataset, file: &'a RolledFile) -> &'a str {
    let folder = dataset.folder();
    file.path.strip_prefix(folder.as_ref()).map_or(file.path.as_str(), |rest| rest.trim_start_matches('/'))
}

fn commit_info(entry: &Entry, is_append: bool) -> Value {
    let CommitRange { from, to } = entry.commits;
    json!({ "commitInfo": {
        "timestamp": entry.at_ms,
        "operation": "WRITE",
        "operationParameters": { "mode": "Append", "partitionBy": format!("[\"{DATE}\"]") },
        "isBlindAppend": is_append,
        "engineInfo": "rebateflow",
        "rebateflow.commits": format!("{from}-{to}"),
    } })
}

fn metadata(dataset: &Dataset, table: &DeltaTable, columns: &Value) -> Value {
    // Always the same for one table, and another one where a directory began anew.
    let mut id = xxh3_128(format!("{}\0{}", dataset.folder(), table.created_ms).as_bytes());
    // Version 8 and variant 1 of RFC 9562: an identifier of our own making.
    id = id & !(0xf << 76) | 0x8 << 76;
    id = id & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{id:032x}");
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    json!({ "metaData": {
        "id": id,
        "format": { "provider": "parquet", "options": {} },
        "schemaString": columns.to_string(),
        "partitionColumns": [DATE],
        "configuration": {},
        "createdTime": table.created_ms,
    } })
}

fn add(dataset: &Dataset, file: &AddedFile, entry: &Entry) -> Result<Value> {
    let path = relative(dataset, &file.file);
    let day = path.split(['=', '/']).nth(1).unwrap_or_default();
    let stats = statistics(&file.footer)
        .map_err(|e| Error::data(format!("the statistics of {} cannot be read", file.file.path)).caused_by(e))?;
    Ok(json!({ "add": {
        "path": path,
        "partitionValues": { DATE: day },
        "size": file.file.bytes,
        "modificationTime": entry.at_ms,
        "dataChange": true,
        "stats": stats.to_string(),
    } }))
}

fn statistics(footer: &ArrowReaderMetadata) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
    let (groups, schema) = (footer.metadata().row_groups(), footer.schema());
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for field in schema.fields().iter().filter(|field| bound(field.data_type(), 0).is_some()) {
        let column = StatisticsConverter::try_new(field.name(), schema, footer.parquet_schema())?;
        let counts = column.row_group_null_counts(groups)?;
        nulls.insert(field.name().clone(), compute::sum(&counts).into());
        let mins = cast(&column.row_group_mins(groups)?, &DataType::Int64)?;
        let maxes = cast(&column.row_group_maxes(groups)?, &DataType::Int64)?;
        let bounds =
            compute::min(mins.as_primitive::<Int64Type>()).zip(compute::max(maxes.as_primitive::<Int64Type>()));
        let text = |value| bound(field.data_type(), value).flatten();
        if let Some((min, max)) = bounds.and_then(|(min, max)| text(min).zip(text(max))) {
            least.insert(field.name().clone(), min);
            greatest.insert(field.name().clone(), max);
        }
    }
    let rows = footer.metadata().file_metadata().num_rows();
    Ok(json!({ "numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }))
}

/// A bound of a column as the log writes it. None: no bounds of this type. `Some(None)`: not of this value, which lies
/// outside the years that every reader knows.
fn bound(data_type: &DataType, value: i64) -> Option<Option<Value>> {
    let known = |time: &NaiveDateTime| (1..=9_999).contains(&time.year());
    let text = |time: Option<DateTime<_>>, format| {
        let time = time.map(|time: DateTime<chrono::Utc>| time.naive_utc()).filter(known)?;
        Some(Value::from(time.format(format).to_string()))
    };
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(Some(value.into())),
        DataType::Date32 => Some(text(DateTime::from_timestamp(value.saturating_mul(86_400), 0), "%Y-%m-%d")),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Some(text(DateTime::from_timestamp_micros(value), "%Y-%m-%dT%H:%M:%S%.6f"))
        }
        _ => None,
    }
}

/// The columns as Delta writes them, the one of the directories included; or the name of one that Delta does not have.
fn table_schema(schema: &Schema) -> Result<Value, String> {
    let mut fields = schema.fields().iter().map(delta_field).collect::<Result<Vec<Value>, String>>()?;
    fields.push(json!({ "name": DATE, "type": "date", "nullable": true, "metadata": {} }));
    // Names differ by more than their case.
    let mut names = BTreeSet::from([DATE.to_string()]);
    match schema.fields().iter().find(|field| !names.insert(field.name().to_lowercase())) {
        Some(twice) => Err(twice.name().clone()),
        None => Ok(json!({ "type": "struct", "fields": fields })),
    }
}

fn delta_field(field: &Arc<Field>) -> Result<Value, String> {
    let data_type = delta_type(field.data_type()).ok_or_else(|| field.name().clone())?;
    Ok(json!({ "name": field.name(), "type": data_type, "nullable": true, "metadata": {} }))
}

/// The type of a column that every reader finds as it is in the file.
fn delta_type(data_type: &DataType) -> Option<Value> {
    Some(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Binary | DataType::LargeBinary => "binary".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "byte".into(),
        DataType::Int16 => "short".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "long".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal128(precision, scale) if *scale >= 0 => format!("decimal({precision},{scale})").into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, None) => {
            "timestamp_ntz".into()
        }
        DataType::List(item) | DataType::LargeList(item) => {
            json!({ "type": "array", "elementType": delta_type(item.data_type())?, "containsNull": true })
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| delta_field(field).ok()).collect::<Option<Vec<Value>>>()?;
            json!({ "type": "struct", "fields": fields })
        }
        _ => return None,
    })
}
