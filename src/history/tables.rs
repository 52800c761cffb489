//! What the history remembers of a table, and which changes of it are accepted.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::catalog::{METADATA, Table};
use crate::error::{Error, Result};

/// The form of a table whose events are stored: a change of anything here changes what stored events mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableForm {
    pub topic: String,
    pub columns: Vec<ColumnForm>,
    /// Primary key; empty: append-only.
    pub key: Vec<String>,
    pub version: Option<String>,
    pub deleted: Option<String>,
    /// Microseconds after which the clock takes an event out, by its version, or else its `_timestamp`; None: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_us: Option<i64>,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnForm {
    pub name: String,
    /// As in `CREATE TABLE`.
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
}

impl TableForm {
    pub fn of(table: &Table) -> TableForm {
        let name = |position: usize| table.columns[position].name.clone();
        let columns = table.columns.iter().map(|column| ColumnForm {
            name: column.name.clone(),
            data_type: sql_type(&column.data_type),
            nullable: column.nullable,
        });
        TableForm {
            topic: table.topic.clone(),
            columns: columns.collect(),
            key: table.upsert.iter().flat_map(|upsert| upsert.key.iter().map(|&position| name(position))).collect(),
            version: table.upsert.as_ref().and_then(|upsert| upsert.version).map(name),
            deleted: table.upsert.as_ref().and_then(|upsert| upsert.deleted).map(name),
            retention_us: table.retention_us,
        }
    }

    /// The columns of its stored events.
    pub fn event_schema(&self) -> Result<SchemaRef> {
        let is_key = |name: &String| self.key.is_empty() || self.key.contains(name);
        let mut fields = vec![];
        for column in &self.columns {
            let data_type = arrow_type(&column.data_type).ok_or_else(|| {
                Error::data(format!("column {} has the type {}, which is not known", column.name, column.data_type))
                    .hint("start the version that wrote it, or a newer one")
            })?;
            fields.push(Field::new(&column.name, data_type, column.nullable || !is_key(&column.name)));
        }
        fields.extend(METADATA.into_iter().map(|(name, data_type, nullable)| Field::new(name, data_type, nullable)));
        fields.push(Field::new("_epoch", DataType::Int64, false));
        Ok(Arc::new(Schema::new(fields)))
    }

    /// Whether events stored as `stored` can be read as events of this table: it may have more columns at the end,
    /// if they are nullable. Refused otherwise, with what differs.
    pub fn reads(&self, stored: &TableForm, table: &str) -> Result<()> {
        match self.difference(stored) {
            None => Ok(()),
            Some(what) => Err(Error::refused(format!("table {table} has changed: {what}")).hint(format!(
                "put back the definition of {table}; nullable columns may be added at its end, anything else \
                 needs a new table name or an empty data directory"
            ))),
        }
    }

    fn difference(&self, stored: &TableForm) -> Option<String> {
        let text = |columns: &[String]| {
            if columns.is_empty() { "none".to_string() } else { columns.join(", ") }
        };
        let option = |column: &Option<String>| column.clone().unwrap_or_else(|| "none".to_string());
        for (what, now, before) in [
            ("topic", self.topic.clone(), stored.topic.clone()),
            ("primary key", text(&self.key), text(&stored.key)),
            ("version", option(&self.version), option(&stored.version)),
            ("deleted", option(&self.deleted), option(&stored.deleted)),
        ] {
            if now != before {
                return Some(format!("{what} was {before} and is {now}"));
            }
        }
        for (position, before) in stored.columns.iter().enumerate() {
            match self.columns.get(position) {
                None => return Some(format!("column {} is gone", before.name)),
                Some(now) if now == before => {}
                Some(now) => return Some(format!("column {} was {before} and is {now}", position + 1)),
            }
        }
        let added = self.columns[stored.columns.len()..].iter().find(|column| !column.nullable);
        added.map(|column| format!("new column {} is NOT NULL", column.name))
    }
}

impl std::fmt::Display for ColumnForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}{}", self.name, self.data_type, if self.nullable { "" } else { " NOT NULL" })
    }
}

/// The name of a column's type, as the user writes it. Fixed here: Arrow's own names may change.
fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "VARCHAR".to_string(),
        DataType::Int64 => "BIGINT".to_string(),
        DataType::Int32 => "INTEGER".to_string(),
        DataType::Float64 => "DOUBLE".to_string(),
        DataType::Boolean => "BOOLEAN".to_string(),
        DataType::Date32 => "DATE".to_string(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP(6)".to_string(),
        other => other.to_string(),
    }
}

/// The type that `sql_type` gave this name.
fn arrow_type(name: &str) -> Option<DataType> {
    let decimal = || {
        let (precision, scale) = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
        Some(DataType::Decimal128(precision.parse().ok()?, scale.parse().ok()?))
    };
    match name {
        "VARCHAR" => Some(DataType::Utf8),
        "BIGINT" => Some(DataType::Int64),
        "INTEGER" => Some(DataType::Int32),
        "DOUBLE" => Some(DataType::Float64),
        "BOOLEAN" => Some(DataType::Boolean),
        "DATE" => Some(DataType::Date32),
        "TIMESTAMP(6)" => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        _ => decimal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, KeyFormat, UnknownFields, Upsert};
    use crate::error::ErrorKind;

    fn form(columns: &[(&str, &str, bool)]) -> TableForm {
        let column = |&(name, data_type, nullable): &(&str, &str, bool)| ColumnForm {
            name: name.into(),
            data_type: data_type.into(),
            nullable,
        };
        let columns = columns.iter().map(column).collect();
        TableForm { topic: "t".into(), columns, key: vec![], version: None, deleted: None, retention_us: None }
    }

    #[test]
    fn nullable_columns_may_be_added_at_the_end_and_nothing_else() {
        let stored = form(&[("a", "BIGINT", false), ("b", "VARCHAR", true)]);
        let (a, b) = (("a", "BIGINT", false), ("b", "VARCHAR", true));
        for (columns, message) in [
            (vec![a, b], None),
            (vec![a, b, ("c", "DATE", true)], None),
            (vec![a, b, ("c", "DATE", false)], Some("new column c is NOT NULL")),
            (vec![a], Some("column b is gone")),
            (vec![a, ("c", "DATE", true), b], Some("column 2 was b VARCHAR and is c DATE")),
            (vec![("a", "INTEGER", false), b], Some("column 1 was a BIGINT NOT NULL and is a INTEGER NOT NULL")),
        ] {
            match (form(&columns).reads(&stored, "orders"), message) {
                (Ok(()), None) => {}
                (Err(error), Some(message)) => {
                    assert_eq!(error.kind, ErrorKind::Refused);
                    assert_eq!(error.message, format!("table orders has changed: {message}"));
                }
                (result, expected) => panic!("{columns:?}: {result:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn the_columns_of_stored_events_come_back_from_the_form() {
        let types = [
            DataType::Utf8,
            DataType::Int64,
            DataType::Int32,
            DataType::Float64,
            DataType::Boolean,
            DataType::Date32,
            DataType::Decimal128(18, 2),
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ];
        let column = |(i, data_type): (usize, &DataType)| Column {
            name: format!("c{i}"),
            data_type: data_type.clone(),
            nullable: i % 2 == 1,
        };
        for key in [None, Some(vec![0, 2])] {
            let upsert = key.map(|key| Upsert { key, version: None, deleted: None, key_format: KeyFormat::Json });
            let columns = types.iter().enumerate().map(column).collect();
            let (name, topic, sql) = ("t".to_string(), "t".to_string(), String::new());
            let table =
                Table { name, topic, columns, upsert, unknown_fields: UnknownFields::Keep, retention_us: None, sql };
            let mut expected = table.event_schema().fields().to_vec();
            expected.push(Arc::new(Field::new("_epoch", DataType::Int64, false)));
            assert_eq!(TableForm::of(&table).event_schema().unwrap().fields().to_vec(), expected);
        }
    }

    #[test]
    fn key_and_topic_are_part_of_the_form() {
        let stored = form(&[("a", "BIGINT", false)]);
        let keyed = TableForm { key: vec!["a".into()], ..stored.clone() };
        assert!(keyed.reads(&stored, "t").unwrap_err().message.ends_with("primary key was none and is a"));
        let moved = TableForm { topic: "u".into(), ..stored.clone() };
        assert!(moved.reads(&stored, "t").unwrap_err().message.ends_with("topic was t and is u"));
    }
}
