//! Rows of tables, typed, and their JSON.
//!
//! Each row lists its fields once, as (column, value); the JSON of a message and the Arrow arrays of a batch are both
//! made from that list. The tables themselves are in `tables`.

use crate::demo::tables::Row;
use crate::demo::text::{push_date, push_decimal, push_time};

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Text(&'a str),
    /// Also of a DOUBLE column, where the generator has whole numbers only.
    Integer(i64),
    /// `unscaled` / 10^`scale`.
    Decimal {
        unscaled: i128,
        scale: u32,
    },
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
    /// Days since 1970-01-01.
    Date(i64),
}

/// The Rust type of a kind of column. Money is in hundredths of the currency's unit, rates in millionths, times in
/// microseconds since 1970-01-01 UTC, dates in days since then.
macro_rules! rust_type {
    (text) => { String };
    (name) => { &'static str };
    (integer) => { i64 };
    (money) => { i128 };
    (rate) => { i128 };
    (exchange) => { i128 };
    (time) => { i64 };
    (date) => { i64 };
    (optional $kind:ident) => { Option<$crate::demo::row::rust_type!($kind)> };
}

/// The value of a field of a kind.
macro_rules! value_of {
    (text $field:expr) => { Value::Text(&$field) };
    (name $field:expr) => { Value::Text($field) };
    (integer $field:expr) => { Value::Integer($field) };
    (money $field:expr) => { Value::Decimal { unscaled: $field, scale: 2 } };
    (rate $field:expr) => { Value::Decimal { unscaled: $field, scale: 6 } };
    (exchange $field:expr) => { Value::Decimal { unscaled: $field, scale: 8 } };
    (time $field:expr) => { Value::Time($field) };
    (date $field:expr) => { Value::Date($field) };
    (optional $kind:ident $field:expr) => {
        match &$field {
            Some(some) => $crate::demo::row::value_of!(ref_of $kind some),
            None => Value::Null,
        }
    };
    (ref_of text $some:ident) => { Value::Text($some) };
    (ref_of name $some:ident) => { Value::Text($some) };
    (ref_of $kind:ident $some:ident) => { $crate::demo::row::value_of!($kind *$some) };
}

/// A record of a network as a collector cuts it out of an answer: every field is text, exactly as the network wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub table: &'static str,
    pub fetch_id: String,
    pub body_hash: String,
    pub fetched_at: i64,
    /// The network's own names. All records of a table have the same, the first is the record's own id.
    pub named: Vec<(&'static str, Option<String>)>,
}

impl Record {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let field = self.named.iter_mut().find(|(own, _)| *own == name).expect("a field of the record");
        field.1 = Some(value.to_string());
    }

    /// What the network wrote.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(own, _)| *own == name).and_then(|(_, text)| text.as_deref())
    }

    pub(super) fn key(&self) -> String {
        self.named[0].1.clone().unwrap_or_default()
    }

    pub(super) fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
        let fetch = [
            ("fetch_id", Value::Text(&self.fetch_id)),
            ("body_hash", Value::Text(&self.body_hash)),
            ("fetched_at", Value::Time(self.fetched_at)),
        ];
        fetch.into_iter().chain(self.written()).collect()
    }

    /// The fields without those of the fetch.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        self.named.iter().map(|(name, text)| (*name, text.as_deref().map_or(Value::Null, Value::Text)))
    }
}

impl From<Record> for Row {
    fn from(record: Record) -> Row {
        Row::Record(Box::new(record))
    }
}

/// Declares the tables: for each a struct, and `Row`, which is one of them or a record of one of these tables.
macro_rules! tables {
    (records: [$($records:literal),+] $(
        $(#[doc = $doc:literal])*
        $name:ident is $table:literal by ($($key:ident),+) { $($field:ident: $kind:ident $($inner:ident)?,)+ }
    )+) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $(pub $field: $crate::demo::row::rust_type!($kind $($inner)?),)+ }

            impl $name {
                fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
                    vec![$((stringify!($field), $crate::demo::row::value_of!($kind $($inner)? self.$field)),)+]
                }

                fn key(&self) -> String {
                    [$(self.$key.to_string()),+].join("|")
                }
            }

            impl From<$name> for Row {
                fn from(row: $name) -> Row {
                    Row::$name(Box::new(row))
                }
            }
        )+

        /// A row of one of the tables.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Row { $($name(Box<$name>),)+ Record(Box<Record>) }

        /// The topics, named like their tables.
        pub const TOPICS: &[&str] = &[$($table,)+ $($records),+];

        impl Row {
            /// The table's name, which is also its topic's.
            pub fn table(&self) -> &'static str {
                match self { $(Row::$name(_) => $table,)+ Row::Record(record) => record.table }
            }

            /// The key of the message: it decides the partition, so all versions of a thing are in one.
            pub fn message_key(&self) -> Vec<u8> {
                match self {
                    $(Row::$name(row) => row.key().into_bytes(),)+
                    Row::Record(record) => record.key().into_bytes(),
                }
            }

            /// Every column with its value, in the order of the table. The first is never NULL.
            pub fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
                match self { $(Row::$name(row) => row.fields(),)+ Row::Record(record) => record.fields() }
            }
        }
    };
}

pub(super) use {rust_type, tables, value_of};

/// The row as a JSON object. A NULL is written as `null`, or left out when `omit_nulls`.
pub(super) fn json_of<'a>(fields: impl IntoIterator<Item = (&'static str, Value<'a>)>, omit_nulls: bool) -> String {
    let mut out = String::with_capacity(640);
    for (name, value) in fields {
        if value == Value::Null && omit_nulls {
            continue;
        }
        push_name(&mut out, name);
        push_value(&mut out, value);
    }
    out.push('}');
    out
}

/// Appends `{` or `,` and the field's name with its colon.
pub(super) fn push_name(out: &mut String, name: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// Appends the JSON of a value.
pub(super) fn push_value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Text(text) => {
            if text.bytes().any(|b| b < b' ' || b == b'\\' || b == b'"') {
                out.push_str(&serde_json::Value::from(&*text).to_string());
            } else {
                out.push('"');
                out.push_str(&text);
                out.push('"');
            }
        }
        Value::Integer(number) => push_decimal(out, i128::from(number), 0),
        Value::Decimal { unscaled, scale } => push_decimal(out, unscaled, scale),
        Value::Time(time_us) => {
            out.push('"');
            push_time(out, time_us);
            out.push('"');
        }
        Value::Date(days) => {
            out.push('"');
            push_date(out, days);
            out.push('"');
        }
    }
}
