//! Tables and messages for the fuzz: clean events, random shapes, and mutations of both.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use fastrand::Rng;
use rebateflow::catalog::{Column, KeyFormat, Table, UnknownFields, Upsert};

use super::values::{UNDECLARED_NAMES, VALUES};

pub const TIME: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

pub fn table(name: &str, columns: &[(&str, DataType, bool)], unknown_fields: UnknownFields) -> Table {
    let column = |(name, data_type, nullable): &(&str, DataType, bool)| Column {
        name: name.to_string(),
        data_type: data_type.clone(),
        nullable: *nullable,
    };
    Table {
        name: name.into(),
        topic: format!("{name}_topic"),
        columns: columns.iter().map(column).collect(),
        upsert: None,
        unknown_fields,
        retention_us: None,
        sql: String::new(),
    }
}

pub fn upsert(mut table: Table, key: &[usize], deleted: Option<usize>, key_format: KeyFormat) -> Table {
    table.upsert = Some(Upsert { key: key.to_vec(), version: None, deleted, key_format });
    table
}

fn transactions() -> Table {
    let money = DataType::Decimal128(12, 2);
    let columns = [
        ("platform", DataType::Utf8, true),
        ("order_line_id", DataType::Utf8, true),
        ("source_modified", TIME, true),
        ("status", DataType::Utf8, true),
        ("user_id", DataType::Utf8, true),
        ("pay_amount", money.clone(), true),
        ("commission", money, true),
        ("order_time", TIME, true),
        ("event_id", DataType::Utf8, true),
    ];
    table("transactions", &columns, UnknownFields::Keep)
}

fn stock() -> Table {
    let columns = [
        ("movement_id", DataType::Utf8, false),
        ("sku_id", DataType::Utf8, false),
        ("move_type", DataType::Utf8, false),
        ("qty", DataType::Int64, false),
        ("event_time", TIME, false),
    ];
    table("stock", &columns, UnknownFields::Reject)
}

/// All types, odd names.
fn mixed_columns() -> Vec<(&'static str, DataType, bool)> {
    vec![
        ("s", DataType::Utf8, true),
        ("v", DataType::Utf8, true),
        ("n", DataType::Int64, true),
        ("n2", DataType::Int64, false),
        ("i", DataType::Int32, true),
        ("dec", DataType::Decimal128(12, 2), true),
        ("dec38", DataType::Decimal128(38, 10), true),
        ("dec0", DataType::Decimal128(5, 0), true),
        ("all_fraction", DataType::Decimal128(4, 4), true),
        ("ts", TIME, true),
        ("ts_needed", TIME, false),
        ("b", DataType::Boolean, true),
        ("x", DataType::Float64, true),
        ("day", DataType::Date32, true),
        ("", DataType::Utf8, true),
        ("名前", DataType::Utf8, true),
        ("a_key_that_is_longer_than_thirty_two_bytes_for_sure", DataType::Utf8, true),
    ]
}

/// All types, nothing required: a message with one field can be accepted.
pub fn loose() -> Arc<Table> {
    let mut table = table("loose", &mixed_columns(), UnknownFields::Keep);
    table.columns.iter_mut().for_each(|column| column.nullable = true);
    Arc::new(table)
}

/// The tables of the fuzz. The last five are upsert tables.
pub fn tables() -> Vec<Arc<Table>> {
    let mixed = table("mixed", &mixed_columns(), UnknownFields::Keep);
    let mut reversed = mixed_columns();
    reversed.reverse();
    let reversed = table("reversed", &reversed, UnknownFields::Ignore);
    let by_two = upsert(mixed.clone(), &[0, 2], Some(11), KeyFormat::Json);
    let raw = |column: usize| upsert(mixed.clone(), &[column], None, KeyFormat::Raw);
    let mut versioned = raw(0);
    if let Some(upsert) = &mut versioned.upsert {
        upsert.version = Some(9);
    }
    let all = [transactions(), stock(), mixed.clone(), reversed, by_two, raw(0), raw(5), raw(9), versioned];
    all.into_iter().map(Arc::new).collect()
}

fn iso(random: &mut Rng) -> String {
    let millis = random.i64(1_700_000_000_000..1_800_000_000_000);
    let time = chrono::DateTime::from_timestamp_millis(millis).expect("a time in range");
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// An event as a producer of the first two tables writes it.
fn clean(table: &Table, random: &mut Rng) -> Vec<u8> {
    let value = |column: &Column, random: &mut Rng| match column.data_type {
        DataType::Utf8 => format!("\"{}{:07}\"", &column.name[..2], random.u32(..1_000_000)),
        DataType::Int64 => random.u32(1..200).to_string(),
        DataType::Decimal128(..) => format!("{}.{:02}", random.u32(..40_000), random.u8(..100)),
        _ => format!("\"{}\"", iso(random)),
    };
    let fields = table.columns.iter().map(|column| format!("\"{}\":{}", column.name, value(column, random)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).into_bytes()
}

fn space(random: &mut Rng) -> &'static str {
    match random.u8(..60) {
        0 => " ",
        1 => "\n",
        2 => "\t \r\n",
        3 => "  ",
        _ => "",
    }
}

/// A value that mostly suits the type.
fn value(data_type: &DataType, random: &mut Rng) -> String {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    match data_type {
        DataType::Utf8 => {
            let content = match random.u8(..6) {
                0 => "é".repeat(random.usize(..20)),
                1 => format!("x{}\\u00e9\\n", "y".repeat(random.usize(..40))),
                2 => random.u8(..50).to_string(),
                _ => LETTERS[..random.usize(..LETTERS.len())].to_string(),
            };
            format!("\"{content}\"")
        }
        DataType::Int64 => (random.i64(..) >> random.u32(..63)).to_string(),
        DataType::Int32 => (random.i64(..) >> random.u32(32..63)).to_string(),
        DataType::Decimal128(precision, scale) => {
            // One digit too many at times, before the point or after it.
            let excess = [random.u8(..30) == 0, random.u8(..30) == 0];
            let digits = random.u32(..=u32::from(precision - *scale as u8).min(17) + u32::from(excess[0]));
            let fraction = random.usize(..=(*scale as usize).min(3) + usize::from(excess[1]));
            let mut text = random.u64(..10u64.pow(digits)).to_string();
            if fraction > 0 {
                text += &format!(".{:0fraction$}", random.u64(..10u64.pow(fraction as u32)));
            }
            match random.u8(..8) {
                0 => format!("-{text}"),
                1 | 2 => format!("\"{text}\""),
                _ => text,
            }
        }
        DataType::Timestamp(..) if random.u8(..4) == 0 => random.u64(..2_000_000_000_000).to_string(),
        DataType::Timestamp(..) => format!("\"{}\"", iso(random)),
        DataType::Boolean => random.bool().to_string(),
        DataType::Float64 => format!("{:e}", f64::from_bits(random.u64(..))).replace("NaN", "1").replace("inf", "2"),
        _ => format!("\"{:04}-{:02}-{:02}\"", random.u16(..10_000), random.u8(..14), random.u8(..33)),
    }
}

/// An object with some of these columns in some order, and some fields that nobody declared.
fn wild(columns: &[&Column], random: &mut Rng) -> Vec<u8> {
    let mut chosen: Vec<&Column> = columns.to_vec();
    if random.u8(..3) > 0 {
        random.shuffle(&mut chosen);
    }
    let keep = random.usize(..chosen.len() + 3);
    let (mut place, whole) = (0, random.bool());
    chosen.retain(|column| {
        place += 1;
        place <= keep || (whole && !column.nullable)
    });
    let mut text = format!("{}{{", space(random));
    for (i, column) in chosen.iter().enumerate() {
        let undeclared = random.u8(..20) == 0;
        let name = if undeclared { UNDECLARED_NAMES[random.usize(..UNDECLARED_NAMES.len())] } else { &column.name };
        let odd = undeclared || random.u8(..14) == 0;
        let value =
            if odd { VALUES[random.usize(..VALUES.len())].to_string() } else { value(&column.data_type, random) };
        let comma = if i > 0 { "," } else { "" };
        let [a, b, c, d] = std::array::from_fn(|_| space(random));
        text += &format!("{comma}{a}\"{name}\"{b}:{c}{value}{d}");
    }
    text += "}";
    text += space(random);
    text.into_bytes()
}

/// A message's value.
pub fn event(table: &Table, random: &mut Rng) -> Vec<u8> {
    if matches!(table.name.as_str(), "transactions" | "stock") && random.u8(..3) > 0 {
        return clean(table, random);
    }
    wild(&table.columns.iter().collect::<Vec<_>>(), random)
}

/// A message's key: for an upsert table mostly of the right form.
pub fn key(table: &Table, random: &mut Rng) -> Option<Vec<u8>> {
    let columns: Vec<&Column> = table.upsert.iter().flat_map(|u| &u.key).map(|&i| &table.columns[i]).collect();
    match (&table.upsert, random.u8(..10)) {
        (_, 0) => None,
        (Some(Upsert { key_format: KeyFormat::Raw, .. }), _) => {
            let text = value(&columns[0].data_type, random);
            Some(text.trim_matches('"').as_bytes().to_vec())
        }
        _ => Some(wild(&columns, random)),
    }
}

/// Changes bytes, spans or values.
pub fn mutate(message: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    const BYTES: &[u8] = b"\"\\{}[]:,0123456789.eE+-tfnu \n\t\0\x01\x1f\x7f\x80\xc3\xa9\xff\xed\xa0\xf0\x9f/azTZ";
    const TAILS: [&[u8]; 7] = [b" ", b"x", b"{}", b"\n\n", b"\0", b"1", b","];
    if message.is_empty() {
        return;
    }
    let at = random.usize(..message.len());
    let byte = BYTES[random.usize(..BYTES.len())];
    match random.u8(..12) {
        0 | 1 => message[at] = byte,
        2 => message.insert(at, byte),
        3 => {
            message.remove(at);
        }
        4 => message.truncate(at),
        5 => message[at] ^= 1 << random.u8(..8),
        6 => {
            let span = message[at..(at + random.usize(1..31)).min(message.len())].to_vec();
            let to = random.usize(..message.len());
            message.splice(to..to, span);
        }
        7 => {
            message.drain(at..(at + random.usize(1..13)).min(message.len()));
        }
        8 => {
            message.truncate(at);
            message.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
        9 => message.extend_from_slice(TAILS[random.usize(..TAILS.len())]),
        _ => replace_value(message, random),
    }
}

/// Puts an odd value in the place of one that follows a key.
fn replace_value(message: &mut Vec<u8>, random: &mut Rng) {
    let colons: Vec<usize> = (1..message.len()).filter(|&i| message[i] == b':' && message[i - 1] == b'"').collect();
    if colons.is_empty() {
        return;
    }
    let start = colons[random.usize(..colons.len())] + 1;
    let rest = &message[start..];
    let len = match rest.first() {
        Some(b'"') => rest.iter().skip(1).position(|&c| c == b'"').map_or(rest.len(), |i| i + 2),
        _ => rest.iter().position(|c| b",}".contains(c)).unwrap_or(rest.len()),
    };
    let value = VALUES[random.usize(..VALUES.len())];
    message.splice(start..start + len, value.bytes());
}
