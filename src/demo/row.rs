//! Rows of tables, typed, and their JSON.
//!
//! Each row lists its fields once, as (column, value); the JSON of a message and the Arrow arrays of a batch are both
//! made from that list. The tables themselves are in `tables`.

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

/// Declares the tables: for each a struct, and `Row`, which is one of them.
macro_rules! tables {
    ($(
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
        pub enum Row { $($name(Box<$name>),)+ }

        /// The topics, named like their tables.
        pub const TOPICS: &[&str] = &[$($table),+];

        impl Row {
            /// The table's name, which is also its topic's.
            pub fn table(&self) -> &'static str {
                match self { $(Row::$name(_) => $table,)+ }
            }

            /// The key of the message: it decides the partition, so all versions of a thing are in one.
            pub fn message_key(&self) -> Vec<u8> {
                match self { $(Row::$name(row) => row.key().into_bytes(),)+ }
            }

            /// Every column with its value, in the order of the table. The first is never NULL.
            pub fn fields(&self) -> Vec<(&'static str, Value<'_>)> {
                match self { $(Row::$name(row) => row.fields(),)+ }
            }
        }
    };
}

pub(super) use {rust_type, tables, value_of};

/// The row as a JSON object. A NULL is written as `null`, or left out when `omit_nulls`.
pub(super) fn json_of(fields: Vec<(&'static str, Value<'_>)>, omit_nulls: bool) -> String {
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
            debug_assert!(text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\'), "{text} needs no escapes");
            out.push('"');
            out.push_str(text);
            out.push('"');
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
