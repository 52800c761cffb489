//! Why a message is refused, in a form for programs (`Fault`) and in words (`Reason`).

use std::fmt;

use datafusion::arrow::datatypes::DataType;

use super::decoder::MESSAGE_BYTES_MAX;
use super::skip::DEPTH_MAX;

/// What is wrong with a message or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The message is longer than `MESSAGE_BYTES_MAX`.
    TooLong,
    NotObject,
    Syntax,
    /// Text follows the object.
    TrailingData,
    InvalidUtf8,
    BadEscape,
    ControlCharacter,
    TooDeep,
    DuplicateKey,
    /// An undeclared field, and the table refuses them.
    UnknownField,
    WrongType,
    /// A string whose text is not a value of the column's type.
    BadText,
    ExcessFraction,
    IntegerWithFraction,
    Overflow,
    /// NULL or absent, and the column is NOT NULL or part of the primary key.
    Missing,
    /// No value, and the table has no primary key.
    NoValue,
    /// No value, and deletes of the table need a version.
    NoVersion,
    /// No value and no key.
    NoKey,
    /// No value, and a raw key cannot hold a primary key of several columns.
    RawKeyOfSeveralColumns,
}

/// A fault with what was expected. `Display` gives it in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub fault: Fault,
    /// Type of the column that the fault is about; None: the message as a whole.
    pub expected: Option<DataType>,
    /// The fault is in the key of a tombstone, not in the value.
    pub in_key: bool,
}

/// A message that is not exactly one valid row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Position of the message in the batch.
    pub message: usize,
    /// The field found wrong; None: the message as a whole.
    pub field: Option<String>,
    pub reason: Reason,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.in_key {
            f.write_str("in the message key: ")?;
        }
        let column = self.expected.as_ref().map_or_else(|| "the column".to_string(), sql_type);
        match self.fault {
            Fault::TooLong => write!(f, "longer than {} MiB", MESSAGE_BYTES_MAX >> 20),
            Fault::NotObject => f.write_str("not a JSON object"),
            Fault::Syntax => f.write_str("not valid JSON"),
            Fault::TrailingData => f.write_str("text after the JSON object"),
            Fault::InvalidUtf8 => f.write_str("a string that is not valid UTF-8"),
            Fault::BadEscape => f.write_str("a string with an invalid escape"),
            Fault::ControlCharacter => f.write_str("a string with a control character or without an end"),
            Fault::TooDeep => write!(f, "nested deeper than {DEPTH_MAX} levels"),
            Fault::DuplicateKey => f.write_str("the field occurs twice"),
            Fault::UnknownField => f.write_str("the field is not declared"),
            Fault::WrongType => write!(f, "expected {} for {column}", self.form()),
            Fault::BadText => write!(f, "text that is not {}", self.form()),
            Fault::ExcessFraction => write!(f, "more fraction digits than {column} holds"),
            Fault::IntegerWithFraction => write!(f, "a fraction in {column}"),
            Fault::Overflow => write!(f, "out of the range of {column}"),
            Fault::Missing => f.write_str("missing or null, and the column cannot be null"),
            Fault::NoValue => f.write_str("no value, and the table has no primary key to delete by"),
            Fault::NoVersion => {
                f.write_str("no value: a table with a version deletes by its deleted column, not by tombstones")
            }
            Fault::NoKey => f.write_str("neither a value nor a key"),
            Fault::RawKeyOfSeveralColumns => {
                f.write_str("a raw key cannot hold a primary key of several columns, use key_format = 'json'")
            }
        }
    }
}

impl Reason {
    /// What the column takes, in words.
    fn form(&self) -> &'static str {
        match self.expected {
            Some(DataType::Utf8) => "a string",
            Some(DataType::Int64 | DataType::Int32) => "an integer",
            Some(DataType::Decimal128(..)) if self.fault == Fault::BadText => "exactly one number",
            Some(DataType::Decimal128(..)) => "a number, or a string with exactly one,",
            Some(DataType::Timestamp(..)) => "an RFC 3339 time with an offset or epoch milliseconds",
            Some(DataType::Boolean) => "true or false",
            Some(DataType::Float64) => "a number",
            Some(DataType::Date32) => "a date YYYY-MM-DD",
            _ => "another type",
        }
    }
}

/// The SQL name of a column's type.
fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "VARCHAR".to_string(),
        DataType::Int64 => "BIGINT".to_string(),
        DataType::Int32 => "INTEGER".to_string(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Timestamp(..) => "TIMESTAMP(6)".to_string(),
        DataType::Boolean => "BOOLEAN".to_string(),
        DataType::Float64 => "DOUBLE".to_string(),
        DataType::Date32 => "DATE".to_string(),
        other => other.to_string(),
    }
}

/// Where in a message a fault lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The message as a whole.
    Whole,
    /// The column at this position.
    Column(usize),
    /// An undeclared field: where its name starts (after the quote) in the scratch buffer.
    Undeclared(usize),
}

/// A fault, as the readers report it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub place: Place,
    pub fault: Fault,
    pub in_key: bool,
}

impl Refusal {
    #[inline]
    pub fn whole(fault: Fault) -> Self {
        Refusal { place: Place::Whole, fault, in_key: false }
    }
    #[inline]
    pub fn column(column: usize, fault: Fault) -> Self {
        Refusal { place: Place::Column(column), fault, in_key: false }
    }
    /// The same fault, found in the key of the message.
    pub fn of_key(self) -> Self {
        Refusal { in_key: true, ..self }
    }
}
