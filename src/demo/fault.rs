//! Unreadable messages: a row's JSON, spoiled in one of the ways that real topics see.

use crate::demo::random::Random;
use crate::demo::row::{Value, push_name, push_value};
use crate::demo::tables::Row;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text ends in the middle.
    Truncated,
    /// A string where a number is declared.
    WrongType,
    /// More fraction digits than the type holds.
    ExcessDigits,
    /// The row's own identifier, which is NOT NULL in every table, is left out.
    MissingField,
    /// A byte that is nowhere valid in UTF-8, inside a string.
    InvalidUtf8,
}

impl Fault {
    pub(super) const ALL: [Fault; 5] =
        [Fault::Truncated, Fault::WrongType, Fault::ExcessDigits, Fault::MissingField, Fault::InvalidUtf8];
}

/// The value of a message that is meant to hold this row and does not.
pub(super) fn spoil(row: &Row, fault: Fault, random: &mut Random) -> Vec<u8> {
    let is_integer = |value: &Value| matches!(value, Value::Integer(_));
    let is_decimal = |value: &Value| matches!(value, Value::Decimal { .. });
    let is_time = |value: &Value| matches!(value, Value::Time(_));
    // Not every table has every type; all have one of these.
    let first_of = |types: [&dyn Fn(&Value) -> bool; 3], raw: &str| {
        let found = types.into_iter().find(|wanted| row.fields().iter().any(|(_, value)| wanted(value)));
        found.map(|wanted| replace_first(row, wanted, raw).into_bytes()).unwrap_or_default()
    };
    match fault {
        Fault::Truncated => {
            let mut value = row.to_json(false).into_bytes();
            let kept = value.len() / 4 + random.below(value.len() as u64 / 2) as usize;
            value.truncate(kept);
            value
        }
        Fault::WrongType => first_of([&is_integer, &is_decimal, &is_time], "\"many\""),
        Fault::ExcessDigits => first_of([&is_decimal, &is_integer, &is_time], "1.9999999999"),
        Fault::MissingField => {
            let mut out = String::new();
            for (name, value) in row.fields().into_iter().skip(1) {
                push_name(&mut out, name);
                push_value(&mut out, value);
            }
            out.push('}');
            out.into_bytes()
        }
        Fault::InvalidUtf8 => {
            let json = row.to_json(false);
            let inside_first_text = json.find(":\"").expect("the first field of a row is a text") + 2;
            let mut value = json.into_bytes();
            value.insert(inside_first_text, 0xff);
            value
        }
    }
}

/// The row's JSON with the first value that is `wanted` replaced by this text.
fn replace_first(row: &Row, wanted: impl Fn(&Value) -> bool, raw: &str) -> String {
    let mut out = String::new();
    let mut replaced = false;
    for (name, value) in row.fields() {
        push_name(&mut out, name);
        if !replaced && wanted(&value) {
            out.push_str(raw);
            replaced = true;
        } else {
            push_value(&mut out, value);
        }
    }
    out.push('}');
    out
}
