//! The types that a column of a table can have.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo, TimezoneInfo};

const TYPES: &str = "the types are: VARCHAR, BIGINT, INT, DOUBLE, BOOLEAN, DATE, \
                     DECIMAL(precision, scale), TIMESTAMP (microseconds, UTC)";

/// Why a type is refused: message and hint.
pub(super) struct Unsupported {
    pub(super) message: String,
    pub(super) hint: String,
}

/// The Arrow type of a declared type. Strings are Utf8, times are microseconds without a zone, meaning UTC.
pub(super) fn column_type(written: &SqlType) -> Result<DataType, Unsupported> {
    match written {
        SqlType::Varchar(None) | SqlType::Text | SqlType::String(None) => Ok(DataType::Utf8),
        SqlType::Varchar(Some(_)) | SqlType::String(Some(_)) => {
            Err(unsupported(format!("{written}: the length of a text is not checked"), "write VARCHAR"))
        }
        SqlType::BigInt(None) => Ok(DataType::Int64),
        SqlType::Int(None) | SqlType::Integer(None) => Ok(DataType::Int32),
        SqlType::Double(ExactNumberInfo::None) => Ok(DataType::Float64),
        SqlType::Boolean => Ok(DataType::Boolean),
        SqlType::Date => Ok(DataType::Date32),
        SqlType::Decimal(ExactNumberInfo::None) => {
            Err(unsupported("DECIMAL without a precision".to_string(), "write DECIMAL(18, 2), or what fits the column"))
        }
        SqlType::Decimal(ExactNumberInfo::Precision(precision)) => decimal(*precision, 0),
        SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale)) => decimal(*precision, *scale),
        SqlType::Timestamp(None | Some(6), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        SqlType::Timestamp(Some(_), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Err(unsupported(format!("{written}: times are kept in microseconds"), "write TIMESTAMP or TIMESTAMP(6)"))
        }
        SqlType::Timestamp(..) => {
            Err(unsupported(format!("{written}: times are kept without a zone"), "write TIMESTAMP; it means UTC"))
        }
        SqlType::Unspecified => Err(unsupported("a column without a type".to_string(), TYPES)),
        other => Err(unsupported(format!("unsupported column type {other}"), TYPES)),
    }
}

fn decimal(precision: u64, scale: i64) -> Result<DataType, Unsupported> {
    let fits = (1..=u64::from(DECIMAL128_MAX_PRECISION)).contains(&precision)
        && u64::try_from(scale).is_ok_and(|s| s <= precision);
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if fits => Ok(DataType::Decimal128(precision, scale)),
        _ => Err(unsupported(
            format!("DECIMAL({precision},{scale}) does not exist"),
            "the precision is 1 to 38, the scale 0 to the precision",
        )),
    }
}

fn unsupported(message: String, hint: &str) -> Unsupported {
    Unsupported { message, hint: hint.to_string() }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

    use super::super::statement::DIALECT;
    use super::*;

    fn arrow(text: &str) -> Option<DataType> {
        let mut parser = Parser::new(&DIALECT).try_with_sql(text).expect("tokens");
        column_type(&parser.parse_data_type().expect("a type")).ok()
    }

    #[test]
    fn every_supported_type_has_its_arrow_type() {
        let microseconds = DataType::Timestamp(TimeUnit::Microsecond, None);
        let supported = [
            ("VARCHAR", DataType::Utf8),
            ("text", DataType::Utf8),
            ("STRING", DataType::Utf8),
            ("BIGINT", DataType::Int64),
            ("INT", DataType::Int32),
            ("INTEGER", DataType::Int32),
            ("DOUBLE", DataType::Float64),
            ("BOOLEAN", DataType::Boolean),
            ("DATE", DataType::Date32),
            ("DECIMAL(18,2)", DataType::Decimal128(18, 2)),
            ("DECIMAL(38, 38)", DataType::Decimal128(38, 38)),
            ("DECIMAL(5)", DataType::Decimal128(5, 0)),
            ("TIMESTAMP", microseconds.clone()),
            ("TIMESTAMP(6)", microseconds.clone()),
            ("TIMESTAMP WITHOUT TIME ZONE", microseconds),
        ];
        for (text, expected) in supported {
            assert_eq!(arrow(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_types_are_refused() {
        for text in ["DECIMAL", "DECIMAL(39,2)", "DECIMAL(5,6)", "DECIMAL(0,0)", "DECIMAL(5,-1)", "TIMESTAMP(9)"] {
            assert_eq!(arrow(text), None, "{text}");
        }
        for text in ["TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "REAL", "JSON", "VARCHAR(20)", "BIGINT[]", "TIME"] {
            assert_eq!(arrow(text), None, "{text}");
        }
    }
}
