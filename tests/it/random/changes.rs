//! Random tables and their changes: few values, many NULLs, so that keys collide.

use fastrand::Rng;

use super::queries::{Column, Relation, Type};

pub struct Table {
    name: String,
    kind: Kind,
    /// Values at the limits of BIGINT, so that sums and products fail.
    wild: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Rows are never taken out.
    InsertOnly,
    Append,
    Upsert,
    Versioned,
    VersionedDeleted,
}

/// Name and type of the columns; the first two are the key of an upsert table, `ver` is its version.
const COLUMNS: [(&str, Type, &str); 8] = [
    ("k", Type::Text, "VARCHAR"),
    ("g", Type::Integer, "BIGINT"),
    ("v", Type::Integer, "BIGINT"),
    ("d", Type::Decimal, "DECIMAL(18,2)"),
    ("ts", Type::Time, "TIMESTAMP(6)"),
    ("b", Type::Boolean, "BOOLEAN"),
    ("ver", Type::Integer, "BIGINT"),
    ("x", Type::Double, "DOUBLE"),
];

pub fn tables(random: &mut Rng) -> Vec<Table> {
    let kinds = [Kind::InsertOnly, Kind::Append, Kind::Append, Kind::Upsert, Kind::Versioned, Kind::VersionedDeleted];
    let table = |number: usize, random: &mut Rng| Table {
        name: format!("t{number}"),
        kind: kinds[random.usize(..kinds.len())],
        wild: random.u8(0..8) == 0,
    };
    (0..random.usize(1..=3)).map(|number| table(number, random)).collect()
}

impl Table {
    pub fn definition(&self) -> String {
        let columns: Vec<String> = COLUMNS.iter().map(|(name, _, sql)| format!("{name} {sql}")).collect();
        let columns = columns.join(", ");
        let (key, options) = match self.kind {
            Kind::InsertOnly | Kind::Append => ("", ""),
            Kind::Upsert => (", PRIMARY KEY (k, g)", ""),
            Kind::Versioned => (", PRIMARY KEY (k, g)", " WITH (version = 'ver')"),
            Kind::VersionedDeleted => (", PRIMARY KEY (k, g)", " WITH (version = 'ver', deleted = 'b')"),
        };
        format!("CREATE TABLE {} ({columns}{key}){options}", self.name)
    }

    pub fn relation(&self) -> Relation {
        let column = |(name, kind, _): &(&str, Type, &str)| Column { name: name.to_string(), kind: *kind };
        Relation { name: self.name.clone(), columns: COLUMNS.iter().map(column).collect() }
    }

    pub fn change(&self, random: &mut Rng) -> String {
        let name = &self.name;
        let can_delete = matches!(self.kind, Kind::Append | Kind::Upsert | Kind::VersionedDeleted);
        match random.u8(0..10) {
            0 if self.kind == Kind::Append => {
                format!("UPDATE {name} SET g = {} WHERE {}", small(random), condition(random))
            }
            0 | 1 if self.kind != Kind::InsertOnly => {
                let column = ["v", "d", "ts", "ver", "x"][random.usize(..5)];
                let value = self.value(random, column);
                format!("UPDATE {name} SET {column} = {value} WHERE {}", condition(random))
            }
            2..=4 if can_delete => format!("DELETE FROM {name} WHERE {}", condition(random)),
            _ => {
                let rows: Vec<String> = (0..random.usize(1..=6)).map(|_| self.row(random)).collect();
                format!("INSERT INTO {name} VALUES {}", rows.join(", "))
            }
        }
    }

    fn row(&self, random: &mut Rng) -> String {
        let values: Vec<String> = COLUMNS.iter().map(|(name, _, _)| self.value(random, name)).collect();
        format!("({})", values.join(", "))
    }

    fn value(&self, random: &mut Rng, column: &str) -> String {
        let has_key = !matches!(self.kind, Kind::InsertOnly | Kind::Append);
        let is_key = has_key && ["k", "g"].contains(&column);
        if !is_key && random.u8(0..10) < 3 {
            return "NULL".to_string();
        }
        match column {
            "k" => ["'a'", "'b'", "'c'", "''"][random.usize(..4)].to_string(),
            "v" if self.wild && random.u8(0..4) == 0 => {
                ["9223372036854775807", "-9223372036854775808", "-9223372036854775807"][random.usize(..3)].to_string()
            }
            "g" | "v" | "ver" => small(random),
            "d" => format!("{}.{:02}", random.i64(-20..20), random.u8(0..100)),
            "ts" => format!("'2024-01-0{}T0{}:00:00'", random.u8(1..4), random.u8(0..4)),
            "x" => ["0.5", "-1.5", "2.25", "0"][random.usize(..4)].to_string(),
            _ => ["TRUE", "FALSE"][random.usize(..2)].to_string(),
        }
    }
}

fn small(random: &mut Rng) -> String {
    random.i64(-1..4).to_string()
}

fn condition(random: &mut Rng) -> String {
    match random.u8(0..6) {
        0 => "k = 'a'".to_string(),
        1 => format!("g = {}", small(random)),
        2 => format!("v > {}", small(random)),
        3 => "k IS NULL OR d < 0".to_string(),
        4 => format!("ver <= {} AND b", small(random)),
        _ => "TRUE".to_string(),
    }
}
