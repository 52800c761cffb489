//! Tests of the rules beside plain values: undeclared fields, tombstones, `_op`, primary keys, limits, words.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type};

use super::{BATCH_BYTES_MAX, Decoded, Decoder, Fault, MESSAGE_BYTES_MAX, Message, Reject};
use crate::catalog::{Column, KeyFormat, Table, UnknownFields, Upsert};
use crate::error::ErrorKind;

fn table(columns: &[(&str, DataType)]) -> Table {
    let column = |(name, data_type): &(&str, DataType)| Column {
        name: name.to_string(),
        data_type: data_type.clone(),
        nullable: true,
    };
    Table {
        name: "t".into(),
        topic: "t_topic".into(),
        columns: columns.iter().map(column).collect(),
        upsert: None,
        unknown_fields: UnknownFields::Keep,
        retention_us: None,
        sql: String::new(),
    }
}

/// `k VARCHAR, n BIGINT, gone BOOLEAN, amount DECIMAL(18,2)` with this primary key.
fn upsert(key: &[usize], key_format: KeyFormat) -> Table {
    let columns = [
        ("k", DataType::Utf8),
        ("n", DataType::Int64),
        ("gone", DataType::Boolean),
        ("amount", DataType::Decimal128(18, 2)),
    ];
    let upsert = Upsert { key: key.to_vec(), version: None, deleted: Some(2), key_format };
    Table { upsert: Some(upsert), ..table(&columns) }
}

fn message<'a>(key: Option<&'a str>, value: Option<&'a str>) -> Message<'a> {
    let bytes = |text: &'a str| text.as_bytes();
    Message { key: key.map(bytes), value: value.map(bytes), partition: 3, offset: 40, timestamp_us: 5_000_000 }
}

fn decode(table: Table, messages: &[Message<'_>]) -> Decoded {
    Decoder::new(Arc::new(table)).unwrap().decode(messages).unwrap()
}

fn decode_values(table: Table, values: &[&str]) -> Decoded {
    let messages: Vec<Message<'_>> = values.iter().map(|value| message(None, Some(value))).collect();
    decode(table, &messages)
}

/// The text column, NULL as None.
fn texts(decoded: &Decoded, column: &str) -> Vec<Option<String>> {
    let array = decoded.events.rows.column_by_name(column).unwrap().as_string::<i32>();
    array.iter().map(|text| text.map(str::to_string)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some(text.to_string())).collect()
}

/// Message, field and words of each reject.
fn refusals(decoded: &Decoded) -> Vec<(usize, Option<&str>, String)> {
    let refusal = |r: &'_ Reject| (r.message, r.reason.to_string());
    let words = decoded.rejects.iter().map(refusal);
    words.zip(&decoded.rejects).map(|((i, text), r)| (i, r.field.as_deref(), text)).collect()
}

#[test]
fn undeclared_fields_are_kept_as_written() {
    let messages = [
        r#"{"a":1}"#,
        r#"{ "x" : {"y": [1, 2.50]} , "a":2, "q\"uo\u0074e" :"\ud83d\ude00é" }"#,
        r#"{"x":1,"lost":2,"a":"bad"}"#,
        r#"{"a":3}"#,
        r#"{"z":null,"z":1e400}"#,
    ];
    let decoded = decode_values(table(&[("a", DataType::Int64)]), &messages);
    let expected =
        [None, Some(r#"{"x":{"y": [1, 2.50]},"q\"uo\u0074e":"\ud83d\ude00é"}"#), None, Some(r#"{"z":null,"z":1e400}"#)];
    assert_eq!(texts(&decoded, "_rest"), expected.map(|text| text.map(str::to_string)));
    let column = decoded.events.rows.column(0).as_primitive::<Int64Type>().clone();
    assert_eq!(column.iter().collect::<Vec<_>>(), [Some(1), Some(2), Some(3), None]);
    assert_eq!(decoded.rejects[0].message, 2);
}

#[test]
fn undeclared_fields_are_ignored_or_refused() {
    let with = |unknown_fields| Table { unknown_fields, ..table(&[("a", DataType::Int64)]) };
    let messages = [r#"{"a":1,"x":2}"#, r#"{"\u0078y":2,"a":"bad"}"#, r#"{"a":1}"#];
    let ignored = decode_values(with(UnknownFields::Ignore), &messages);
    assert_eq!(texts(&ignored, "_rest"), [None, None]);
    assert_eq!(refusals(&ignored), [(1, Some("a"), "expected an integer for BIGINT".into())]);
    let refused = decode_values(with(UnknownFields::Reject), &messages);
    let words = "the field is not declared".to_string();
    assert_eq!(refusals(&refused), [(0, Some("x"), words.clone()), (1, Some("xy"), words)]);
    assert_eq!(refused.events.rows.num_rows(), 1);
}

#[test]
fn an_append_only_table_inserts_and_has_no_tombstones() {
    let messages = [message(None, Some(r#"{"a":1}"#)), message(Some("1"), None), message(None, Some("{}"))];
    let decoded = decode(table(&[("a", DataType::Int64)]), &messages);
    assert_eq!(texts(&decoded, "_op"), some(&["insert", "insert"]));
    assert_eq!(texts(&decoded, "_topic"), some(&["t_topic", "t_topic"]));
    assert_eq!(refusals(&decoded), [(1, None, "no value, and the table has no primary key to delete by".into())]);
}

#[test]
fn operations_follow_the_deleted_column_and_tombstones() {
    let rows = [
        message(None, Some(r#"{"k":"a","gone":true}"#)),
        message(None, Some(r#"{"k":"b","gone":false}"#)),
        message(None, Some(r#"{"k":"c","gone":null}"#)),
        message(Some("d \"raw\" é"), None),
    ];
    let decoded = decode(upsert(&[0], KeyFormat::Raw), &rows);
    assert_eq!(texts(&decoded, "_op"), some(&["delete", "upsert", "upsert", "delete"]));
    assert_eq!(texts(&decoded, "k"), some(&["a", "b", "c", "d \"raw\" é"]));
    assert_eq!(decoded.events.rows.column(2).null_count(), 2);
    assert_eq!(decoded.events.rows.column(3).null_count(), 4);
    let decoded = decode(upsert(&[0], KeyFormat::Raw), &rows[1..3]);
    assert_eq!(texts(&decoded, "_op"), some(&["upsert", "upsert"]));
}

#[test]
fn raw_keys_are_the_text_of_one_column() {
    let keys = [Some("12.5"), Some("1e1"), Some("1.005"), Some("\"1\""), Some(""), None];
    let decoded = decode(upsert(&[3], KeyFormat::Raw), &keys.map(|key| message(key, None)));
    let amounts = decoded.events.rows.column(3).as_primitive::<Decimal128Type>();
    assert_eq!(amounts.iter().collect::<Vec<_>>(), [Some(1250), Some(1000)]);
    let bad = "in the message key: text that is not exactly one number".to_string();
    let excess = "in the message key: more fraction digits than DECIMAL(18,2) holds".to_string();
    let expected = [
        (2, Some("amount"), excess),
        (3, Some("amount"), bad.clone()),
        (4, Some("amount"), bad),
        (5, None, "neither a value nor a key".into()),
    ];
    assert_eq!(refusals(&decoded), expected);
    let decoded = decode(upsert(&[0, 1], KeyFormat::Raw), &[message(Some("a"), None)]);
    assert_eq!(decoded.rejects[0].reason.fault, Fault::RawKeyOfSeveralColumns);
}

#[test]
fn json_keys_have_exactly_the_key_columns() {
    let keys = [r#"{"n":1,"k":"a"}"#, r#"{"k":"a"}"#, r#"{"k":"a","n":1,"gone":true}"#, r#"{"k":"a","n":1.5}"#, "a"];
    let decoded = decode(upsert(&[0, 1], KeyFormat::Json), &keys.map(|key| message(Some(key), None)));
    assert_eq!((texts(&decoded, "k"), texts(&decoded, "_op")), (some(&["a"]), some(&["delete"])));
    let expected = [
        (1, Some("n"), "in the message key: missing or null, and the column cannot be null".to_string()),
        (2, Some("gone"), "in the message key: the field is not declared".into()),
        (3, Some("n"), "in the message key: a fraction in BIGINT".into()),
        (4, None, "in the message key: not a JSON object".into()),
    ];
    assert_eq!(refusals(&decoded), expected);
}

#[test]
fn a_tombstone_has_no_version() {
    let mut table = upsert(&[0], KeyFormat::Raw);
    table.upsert.as_mut().unwrap().version = Some(1);
    let decoded = decode(table, &[message(Some("a"), None), message(None, Some(r#"{"k":"a","n":1}"#))]);
    assert_eq!(decoded.rejects[0].reason.fault, Fault::NoVersion);
    assert_eq!(texts(&decoded, "_op"), some(&["upsert"]));
}

#[test]
fn a_primary_key_is_never_null() {
    let decoded = decode_values(upsert(&[0], KeyFormat::Raw), &[r#"{"k":null,"n":1}"#, r#"{"n":1}"#, r#"{"k":""}"#]);
    let faults: Vec<Fault> = decoded.rejects.iter().map(|reject| reject.reason.fault).collect();
    assert_eq!((faults, texts(&decoded, "k")), (vec![Fault::Missing, Fault::Missing], some(&[""])));
}

#[test]
fn a_refused_message_leaves_nothing_behind() {
    let values = [r#"{"k":"much longer text","n":77,"x":"lost","amount":1.999}"#, "{}", r#"{"k":"z"}"#];
    let table = Table { upsert: None, ..upsert(&[0], KeyFormat::Raw) };
    let decoded = decode_values(table, &values);
    assert_eq!(texts(&decoded, "k"), [None, Some("z".to_string())]);
    assert_eq!(decoded.events.rows.column(1).as_primitive::<Int64Type>().values()[..], [0, 0]);
    assert_eq!(texts(&decoded, "_rest"), [None, None]);
}

#[test]
fn long_messages_are_refused_and_batches_limited() {
    let text = |bytes: usize| format!("{{\"k\":\"{}\"}}", "x".repeat(bytes - 8));
    let (fits, long) = (text(MESSAGE_BYTES_MAX), text(MESSAGE_BYTES_MAX + 1));
    let plain = table(&[("k", DataType::Utf8)]);
    let decoded = decode_values(plain.clone(), &[&fits, &long]);
    assert_eq!(decoded.events.rows.column(0).as_string::<i32>().value(0).len(), MESSAGE_BYTES_MAX - 8);
    assert_eq!(refusals(&decoded), [(1, None, "longer than 8 MiB".into())]);
    let messages = vec![message(None, Some(&fits)); BATCH_BYTES_MAX / MESSAGE_BYTES_MAX + 1];
    let error = Decoder::new(Arc::new(plain)).unwrap().decode(&messages).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
}

#[test]
fn tables_that_cannot_be_read_are_refused() {
    let kind = |table: Table| Decoder::new(Arc::new(table)).map(|_| ()).unwrap_err().kind;
    let names: Vec<String> = (0..65).map(|i| format!("c{i}")).collect();
    let wide: Vec<(&str, DataType)> = names.iter().map(|name| (name.as_str(), DataType::Int64)).collect();
    assert_eq!(kind(table(&wide)), ErrorKind::Refused);
    assert_eq!(kind(table(&[("a", DataType::Binary)])), ErrorKind::Refused);
    assert_eq!(kind(upsert(&[9], KeyFormat::Raw)), ErrorKind::Invalid);
    let last = decode_values(table(&wide[..64]), &[r#"{"c63":7,"c0":1}"#]);
    assert_eq!(last.events.rows.column(63).as_primitive::<Int64Type>().value(0), 7);
}
