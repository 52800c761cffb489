//! The kinds of values: one SQL type each.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Integer,
    Text,
    Decimal,
    Double,
    Boolean,
    Date,
    Time,
}

pub const KINDS: [Kind; 7] =
    [Kind::Integer, Kind::Text, Kind::Decimal, Kind::Double, Kind::Boolean, Kind::Date, Kind::Time];

impl Kind {
    pub fn letter(self) -> char {
        match self {
            Kind::Integer => 'i',
            Kind::Text => 't',
            Kind::Decimal => 'd',
            Kind::Double => 'x',
            Kind::Boolean => 'b',
            Kind::Date => 'a',
            Kind::Time => 's',
        }
    }

    pub fn sql(self) -> &'static str {
        match self {
            Kind::Integer => "BIGINT",
            Kind::Text => "VARCHAR",
            Kind::Decimal => "DECIMAL(18,2)",
            Kind::Double => "DOUBLE",
            Kind::Boolean => "BOOLEAN",
            Kind::Date => "DATE",
            Kind::Time => "TIMESTAMP(6)",
        }
    }
}
