//! Events that come by HTTP: checked against their table as messages will be, and keyed.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::util::display::array_value_to_string;

use super::decode::{Decoder, Message};
use super::producer::{Outgoing, Producer};
use crate::catalog::{KeyFormat, Table};
use crate::error::{Error, Result};

/// The last offset that was written, by topic and partition.
pub type Written = Vec<(String, i32, i64)>;

/// Events of one table, each of them a row.
#[derive(Debug)]
pub struct Submission<'a> {
    topic: String,
    values: Vec<&'a [u8]>,
    /// None: an append-only table.
    keys: Vec<Option<Vec<u8>>>,
}

/// The first event that is no row of the table.
#[derive(Debug)]
pub struct NotARow {
    /// Its place among the events, from 0.
    pub event: usize,
    pub reason: String,
    /// Further ones.
    pub others: usize,
}

impl<'a> Submission<'a> {
    /// Checks the events by the decoder that will read them. All of them are rows, or none is accepted.
    pub fn new(table: &Arc<Table>, values: Vec<&'a [u8]>) -> Result<Result<Submission<'a>, NotARow>> {
        let message =
            |value: &&'a [u8]| Message { key: None, value: Some(value), partition: 0, offset: 0, timestamp_us: 0 };
        let messages: Vec<Message<'_>> = values.iter().map(message).collect();
        let decoded = Decoder::new(table.clone())?.decode(&messages)?;
        if let Some(reject) = decoded.rejects.first() {
            let field = reject.field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
            let reason = format!("{field}{}", reject.reason);
            return Ok(Err(NotARow { event: reject.message, reason, others: decoded.rejects.len() - 1 }));
        }
        let keys = (0..values.len()).map(|row| key(table, &decoded.events.rows, row)).collect::<Result<_>>()?;
        Ok(Ok(Submission { topic: table.topic.clone(), values, keys }))
    }

    /// Produces all events and waits for the broker.
    ///
    /// Errors: `Unavailable` when the broker has not confirmed all; some may be there. `Refused` when it never takes one.
    pub fn produce(&self, producer: &Producer) -> Result<Written> {
        for (value, key) in self.values.iter().zip(&self.keys) {
            producer.send(&Outgoing {
                topic: &self.topic,
                partition: None,
                key: key.as_deref(),
                value: Some(value),
                headers: &[],
            })?;
        }
        confirm(producer)
    }
}

/// Waits for all messages of a producer.
///
/// Errors: as `Submission::produce`.
pub fn confirm(producer: &Producer) -> Result<Written> {
    let refused = producer.confirm()?;
    let written = producer.take_written();
    if refused > 0 {
        let message = format!("the broker does not take {refused} of the messages; the others are written");
        return Err(Error::refused(message).hint("the topic's max.message.bytes is the limit"));
    }
    Ok(written)
}

/// The key of a message, in the form that the table reads keys in: all events of a primary key have the same one, and so
/// are in one partition.
fn key(table: &Table, rows: &RecordBatch, row: usize) -> Result<Option<Vec<u8>>> {
    let Some(upsert) = &table.upsert else { return Ok(None) };
    let text = |column: &usize| array_value_to_string(rows.column(*column), row).map_err(Error::from);
    let texts = upsert.key.iter().map(text).collect::<Result<Vec<String>>>()?;
    if upsert.key_format == KeyFormat::Raw {
        return Ok(Some(texts.concat().into_bytes()));
    }
    let members = upsert.key.iter().zip(texts).map(|(&column, text)| {
        let is_number = rows.column(column).data_type().is_numeric();
        let value = if is_number { text } else { serde_json::Value::from(text).to_string() };
        format!("{}:{value}", serde_json::Value::from(table.columns[column].name.as_str()))
    });
    Ok(Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, SourceFile};

    fn table(sql: &str) -> Arc<Table> {
        let text = format!("CREATE TABLE t ({sql});");
        let catalog = Catalog::from_sources(&[SourceFile::new("schemas/t.sql", text)]).expect("a table");
        catalog.table("t").expect("it is there").clone()
    }

    #[test]
    fn keys_are_those_of_the_primary_key() {
        let key = |columns: &str| {
            let table = table(&format!(
                "a VARCHAR NOT NULL, b BIGINT NOT NULL, c VARCHAR, PRIMARY KEY ({columns})) WITH (topic = 't', format = 'json'"
            ));
            let value: &[u8] = br#"{"c":"x","b":7.0,"a":"u\u0031"}"#;
            let submission = Submission::new(&table, vec![value]).expect("decoded").expect("a row");
            String::from_utf8(submission.keys[0].clone().expect("a key")).expect("text")
        };
        assert_eq!(key("a"), "u1");
        assert_eq!(key("a, b"), r#"{"a":"u1","b":7}"#);
        let append = table("a VARCHAR NOT NULL) WITH (topic = 't', format = 'json'");
        let value: &[u8] = br#"{"a":"x"}"#;
        assert_eq!(Submission::new(&append, vec![value]).expect("decoded").expect("a row").keys, [None]);
    }

    #[test]
    fn the_first_event_that_is_no_row_is_told() {
        let table = table("a VARCHAR NOT NULL, n DECIMAL(4,2)) WITH (topic = 't', format = 'json'");
        let values: Vec<&[u8]> = vec![br#"{"a":"x"}"#, br#"{"a":"x","n":1.234}"#, b"[", br#"{"n":1}"#];
        let wrong = Submission::new(&table, values).expect("decoded").expect_err("three of them");
        assert_eq!((wrong.event, wrong.others), (1, 2));
        assert_eq!(wrong.reason, "n: more fraction digits than DECIMAL(4,2) holds");
    }
}
