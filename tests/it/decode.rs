//! The decoder against a slow reference: the same acceptance, values, fields and reasons for every message.
//!
//! `REBATEFLOW_FUZZ_SEED` and `REBATEFLOW_FUZZ_MESSAGES` choose another run; both are printed.

mod reference;
mod values;
mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use fastrand::Rng;
use rebateflow::catalog::{KeyFormat, Table, UnknownFields};
use rebateflow::ingest::{Decoded, Decoder, Message, Reject};

use reference::{Cell, Refusal, Row};
use values::VALUES;

/// Messages of the default fuzz run.
const FUZZ_MESSAGES: u64 = 60_000;
const FUZZ_SEED: u64 = 7;

/// Key and value of a message.
type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

/// What was compared so far: how often the reference accepted, refused the text, and refused by each rule.
#[derive(Debug, Default)]
struct Seen {
    accepted: u64,
    deletes: u64,
    with_rest: u64,
    text: u64,
    rules: BTreeMap<String, u64>,
}

fn number_from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn cell(array: &ArrayRef, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::String(array.as_string::<i32>().value(row).to_string()),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::Int32 => Cell::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Decimal128(..) => Cell::Integer(array.as_primitive::<Decimal128Type>().value(row)),
        DataType::Timestamp(..) => Cell::Integer(array.as_primitive::<TimestampMicrosecondType>().value(row).into()),
        DataType::Boolean => Cell::Boolean(array.as_boolean().value(row)),
        DataType::Float64 => Cell::Bits(array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Date32 => Cell::Integer(array.as_primitive::<Date32Type>().value(row).into()),
        other => panic!("no column has type {other}"),
    }
}

/// Checks the metadata of an accepted row and returns its `_op` and `_rest`.
fn metadata(decoded: &Decoded, row: usize, message: &Message<'_>) -> (String, Vec<(String, serde_json::Value)>) {
    let column = |name: &str| cell(decoded.events.rows.column_by_name(name).expect("a metadata column"), row);
    assert_eq!(column("_topic"), Cell::String(decoded.events.table.topic.clone()));
    assert_eq!(column("_partition"), Cell::Integer(message.partition.into()));
    assert_eq!(column("_offset"), Cell::Integer(message.offset.into()));
    assert_eq!(column("_timestamp"), Cell::Integer(message.timestamp_us.into()));
    let Cell::String(operation) = column("_op") else { panic!("_op is never null") };
    let rest = match column("_rest") {
        Cell::Null => vec![],
        Cell::String(text) => reference::parse(text.as_bytes()).expect("_rest is one JSON object"),
        other => panic!("_rest is {other:?}"),
    };
    (operation, rest)
}

fn same_refusal(expected: &Refusal, reject: &Reject) -> bool {
    match expected {
        Refusal::Text => true,
        Refusal::Rule { field, fault, in_key } => {
            *field == reject.field && *fault == reject.reason.fault && *in_key == reject.reason.in_key
        }
    }
}

/// Decodes the batch and compares every message with the reference.
fn compare<'a>(decoder: &mut Decoder, table: &Table, batch: &'a [Pair], seen: &mut Seen) {
    let message = |(i, (key, value)): (usize, &'a Pair)| Message {
        key: key.as_deref(),
        value: value.as_deref(),
        partition: (i % 4) as i32,
        offset: 1_000_000_000_000 + i as i64,
        timestamp_us: i as i64 * 1_001,
    };
    let messages: Vec<Message<'a>> = batch.iter().enumerate().map(message).collect();
    let decoded = decoder.decode(&messages).expect("no internal fault");
    let rows = &decoded.events.rows;
    assert_eq!(rows.schema(), table.event_schema());
    rows.columns().iter().for_each(|column| column.to_data().validate_full().expect("a valid array"));
    let (mut row, mut rejects) = (0, decoded.rejects.iter().peekable());
    for (i, message) in messages.iter().enumerate() {
        let expected = reference::decode(table, message);
        let reject = rejects.next_if(|reject| reject.message == i);
        let same = match (&expected, reject) {
            (Ok(expected), None) => {
                let cells = (0..table.columns.len()).map(|c| cell(rows.column(c), row)).collect();
                let (operation, rest) = metadata(&decoded, row, message);
                row += 1;
                seen.accepted += 1;
                seen.deletes += u64::from(operation == "delete");
                seen.with_rest += u64::from(!rest.is_empty());
                (&cells, operation.as_str(), &rest) == (&expected.cells, expected.operation, &expected.rest)
            }
            (Err(refusal), Some(reject)) => {
                match refusal {
                    Refusal::Text => seen.text += 1,
                    Refusal::Rule { fault, .. } => *seen.rules.entry(format!("{fault:?}")).or_default() += 1,
                }
                same_refusal(refusal, reject)
            }
            _ => false,
        };
        assert!(same, "{}", difference(table, message, &expected, reject));
    }
    assert_eq!((row, rejects.count()), (rows.num_rows(), 0));
}

fn difference(table: &Table, message: &Message<'_>, row: &Result<Row, Refusal>, reject: Option<&Reject>) -> String {
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(&b[..b.len().min(1000)]).into_owned());
    let (key, value) = (text(message.key), text(message.value));
    format!("table {}\nkey {key:?}\nvalue {value:?}\nreference {row:?}\ndecoder {reject:?}", table.name)
}

fn values_only(values: Vec<Vec<u8>>) -> Vec<Pair> {
    values.into_iter().map(|value| (None, Some(value))).collect()
}

#[test]
fn random_messages_decode_like_the_reference() {
    let seed = number_from_environment("REBATEFLOW_FUZZ_SEED", FUZZ_SEED);
    let total = number_from_environment("REBATEFLOW_FUZZ_MESSAGES", FUZZ_MESSAGES);
    println!("REBATEFLOW_FUZZ_SEED={seed} REBATEFLOW_FUZZ_MESSAGES={total}");
    let mut random = Rng::with_seed(seed);
    let tables = workload::tables();
    let mut decoders: Vec<Decoder> = tables.iter().map(|table| Decoder::new(table.clone()).expect("a table")).collect();
    let (mut done, mut last, mut seen) = (0, b"{}".to_vec(), Seen::default());
    while done < total {
        let which = random.usize(..tables.len());
        // The share of mutated messages differs by batch.
        let dirty = random.u8(..4);
        let mut batch: Vec<Pair> = vec![];
        for _ in 0..random.usize(1..200) {
            let mut value = workload::event(&tables[which], &mut random);
            let mut key = workload::key(&tables[which], &mut random);
            if random.u8(..4) < dirty {
                for _ in 0..random.u8(1..4) {
                    workload::mutate(&mut value, &last, &mut random);
                    key.iter_mut().for_each(|key| workload::mutate(key, &last, &mut random));
                }
            }
            last.clone_from(&value);
            let tombstone = random.u8(..if tables[which].upsert.is_some() { 4 } else { 50 }) == 0;
            batch.push((key, (!tombstone).then_some(value)));
        }
        done += batch.len() as u64;
        compare(&mut decoders[which], &tables[which], &batch, &mut seen);
    }
    println!("{done} messages: {seen:?}");
    // The run has met every rule that is not about size.
    if total >= FUZZ_MESSAGES {
        assert_eq!(seen.rules.len(), 12, "{seen:?}");
        assert!(seen.accepted > total / 5 && seen.deletes > 100 && seen.with_rest > 100 && seen.text > total / 10);
    }
}

#[test]
fn odd_values_of_every_type() {
    let mut seen = Seen::default();
    for table in [workload::loose()].into_iter().chain(workload::tables()) {
        let mut decoder = Decoder::new(table.clone()).unwrap();
        let mut batch = vec![];
        for value in VALUES {
            for name in table.columns.iter().map(|column| &column.name) {
                batch.push(format!("{{\"{name}\":{value}}}").into_bytes());
                batch.push(format!("{{\"{name}\":{value}").into_bytes());
                batch.push(format!("{{\"{name}\":{value} , \"{name}\":{value}}}").into_bytes());
            }
        }
        values_only(batch).chunks(50).for_each(|part| compare(&mut decoder, &table, part, &mut seen));
    }
    assert!(seen.accepted > 1_000, "{seen:?}");
}

#[test]
fn odd_raw_keys_of_every_type() {
    let mut seen = Seen::default();
    let columns = workload::tables()[2].columns.clone();
    for (i, column) in columns.iter().enumerate() {
        let one = [(column.name.as_str(), column.data_type.clone(), column.nullable), ("other", DataType::Utf8, false)];
        let table = workload::table("raw", &one, UnknownFields::Keep);
        let table = Arc::new(workload::upsert(table, &[0], None, KeyFormat::Raw));
        let mut keys: Vec<Vec<u8>> = VALUES.iter().map(|value| value.as_bytes().to_vec()).collect();
        keys.extend(VALUES.iter().map(|value| value.trim_matches('"').as_bytes().to_vec()));
        keys.extend([b"".to_vec(), b"\xff".to_vec(), b"1\0".to_vec(), vec![b'7'; 40 + i]]);
        let batch: Vec<Pair> = keys.into_iter().map(|key| (Some(key), None)).collect();
        compare(&mut Decoder::new(table.clone()).unwrap(), &table, &batch, &mut seen);
    }
    assert!(seen.deletes > 1_000, "{seen:?}");
}

#[test]
fn documents_depths_and_lengths() {
    const DOCUMENTS: [&[u8]; 18] = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b"\"s\"",
        b"{}{}",
        b"{} {}",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"\0",
        &[0xff; 40],
        &[0; 40],
        b"{",
        b" {} \n",
        b"[{}]",
        b"{\"zz\":NaN}",
        b"{\"zz\":1,}",
    ];
    let mut seen = Seen::default();
    for table in [workload::loose()].into_iter().chain(workload::tables()) {
        let mut decoder = Decoder::new(table.clone()).unwrap();
        let mut batch: Vec<Vec<u8>> = DOCUMENTS.map(<[u8]>::to_vec).to_vec();
        for depth in [1, 125, 126, 127, 128, 200, 100_000] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"a\":[", "]}"), ("[", "")] {
                batch.push(format!("{{\"zz\":{}{}}}", open.repeat(depth), close.repeat(depth)).into_bytes());
            }
        }
        for len in [15, 16, 17, 31, 32, 33, 4095, 4096, 20_000] {
            for (name, fill) in
                [("s", "a"), ("s", "é"), ("s", "\\n"), ("zz", "a\\u00e9"), ("zz", "😀"), ("status", "é")]
            {
                let body = fill.repeat(len);
                batch.push(format!("{{\"{name}\":\"{body}\"}}").into_bytes());
                batch.push(format!("{{\"{name}\":\"{body}").into_bytes());
                let mut broken = format!("{{\"{name}\":\"{body}X\"}}").into_bytes();
                let last = broken.len() - 3;
                broken[last] = 0x80;
                batch.push(broken);
            }
        }
        values_only(batch).chunks(50).for_each(|part| compare(&mut decoder, &table, part, &mut seen));
    }
    assert!(seen.accepted > 100 && seen.text > 1_000, "{seen:?}");
}
