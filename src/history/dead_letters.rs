//! Dead letters as they are read back, the inverse of `dead_letter_rows`; and their replays, written and read.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use serde::Deserialize;

use crate::changes::{DeadLetter, Position, Replay};
use crate::error::{Error, Result};

/// A header as it is stored.
#[derive(Deserialize)]
struct StoredHeader {
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_hex: Option<String>,
}

/// The dead letters of stored rows, each with the number of its epoch.
pub fn dead_letters_of(rows: &RecordBatch) -> Result<Vec<(i64, DeadLetter)>> {
    let column = |name: &str| {
        rows.column_by_name(name).ok_or_else(|| Error::data(format!("dead letters without a column {name}")))
    };
    let bytes = |name: &str| Ok::<_, Error>(column(name)?.as_binary::<i32>().clone());
    let text = |name: &str| Ok::<_, Error>(column(name)?.as_string::<i32>().clone());
    let (key, value, headers) = (bytes("key")?, bytes("value")?, text("headers")?);
    let (topic, table, field, error) = (text("topic")?, text("table")?, text("field")?, text("error")?);
    let partition = column("partition")?.as_primitive::<Int32Type>();
    let offset = column("offset")?.as_primitive::<Int64Type>();
    let timestamp = column("timestamp")?.as_primitive::<TimestampMicrosecondType>();
    let epoch = column("_epoch")?.as_primitive::<Int64Type>();
    let letter = |i: usize| {
        let position =
            Position { topic: topic.value(i).into(), partition: partition.value(i), offset: offset.value(i) };
        let letter = DeadLetter {
            key: key.is_valid(i).then(|| key.value(i).to_vec()),
            value: value.is_valid(i).then(|| value.value(i).to_vec()),
            headers: headers_of(headers.value(i))?,
            position,
            timestamp_us: timestamp.value(i),
            table: table.value(i).to_string(),
            field: field.is_valid(i).then(|| field.value(i).to_string()),
            error: error.value(i).to_string(),
        };
        Ok((epoch.value(i), letter))
    };
    (0..rows.num_rows()).map(letter).collect()
}

/// Headers from the JSON that `dead_letter_rows` wrote.
fn headers_of(text: &str) -> Result<Vec<(String, Option<Vec<u8>>)>> {
    let damaged = || Error::data("the headers of a dead letter cannot be read");
    let stored: Vec<StoredHeader> = serde_json::from_str(text).map_err(|e| damaged().caused_by(e))?;
    let header = |StoredHeader { name, value, value_hex }: StoredHeader| {
        let hex = |digits: String| {
            let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>().ok_or_else(damaged)
        };
        Ok((name, value_hex.map(hex).transpose()?.or(value.map(String::into_bytes))))
    };
    stored.into_iter().map(header).collect()
}

/// Replays of one epoch. Columns: `topic, partition, offset, replay_of, timestamp, table, accepted, _epoch`.
pub fn replay_rows(replays: &[Replay], epoch: i64) -> Result<RecordBatch> {
    let all = replays.iter();
    let columns: [(&str, ArrayRef); 8] = [
        ("topic", Arc::new(StringArray::from_iter_values(all.clone().map(|replay| &*replay.position.topic)))),
        ("partition", Arc::new(Int32Array::from_iter_values(all.clone().map(|replay| replay.position.partition)))),
        ("offset", Arc::new(Int64Array::from_iter_values(all.clone().map(|replay| replay.position.offset)))),
        ("replay_of", Arc::new(Int64Array::from_iter_values(all.clone().map(|replay| replay.replay_of)))),
        (
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from_iter_values(all.clone().map(|replay| replay.timestamp_us))),
        ),
        ("table", Arc::new(StringArray::from_iter_values(all.clone().map(|replay| &replay.table)))),
        ("accepted", Arc::new(all.map(|replay| Some(replay.accepted)).collect::<BooleanArray>())),
        ("_epoch", Arc::new(Int64Array::from_value(epoch, replays.len()))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, false)))?)
}

/// The dead letters of which a replay is accepted in these rows.
pub fn replayed_in(rows: &RecordBatch) -> Result<Vec<Position>> {
    let column =
        |name: &str| rows.column_by_name(name).ok_or_else(|| Error::data(format!("replays without a column {name}")));
    let (topic, accepted) = (column("topic")?.as_string::<i32>(), column("accepted")?.as_boolean());
    let partition = column("partition")?.as_primitive::<Int32Type>();
    let replay_of = column("replay_of")?.as_primitive::<Int64Type>();
    let position =
        |i: usize| Position { topic: topic.value(i).into(), partition: partition.value(i), offset: replay_of.value(i) };
    Ok((0..rows.num_rows()).filter(|&i| accepted.value(i)).map(position).collect())
}

#[cfg(test)]
mod tests {
    use super::super::rows::dead_letter_rows;
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let letter = |key: Option<&[u8]>, field: Option<&str>| DeadLetter {
            key: key.map(<[u8]>::to_vec),
            value: Some(vec![0xff, 0]),
            headers: vec![("a".into(), Some(b"x\"y".to_vec())), ("b".into(), None), ("c".into(), Some(vec![0, 255]))],
            position: Position { topic: "t".into(), partition: 3, offset: 44 },
            timestamp_us: 5,
            table: "orders".into(),
            field: field.map(str::to_string),
            error: "not a number".into(),
        };
        let letters = [letter(None, Some("price")), letter(Some(b"k"), None)];
        let read = dead_letters_of(&dead_letter_rows(&letters, 9).expect("rows")).expect("letters");
        assert_eq!(read, letters.map(|letter| (9, letter)));
    }
}
