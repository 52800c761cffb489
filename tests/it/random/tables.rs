//! Random tables and their changes: few values, many NULLs, so that keys collide; rows that go and come back.

use super::choices::Choices;
use super::kind::{KINDS, Kind};

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub struct Relation {
    pub name: String,
    pub columns: Vec<Column>,
}

pub struct Table {
    pub relation: Relation,
    keeping: Keeping,
    /// The first columns are the key of an upsert table.
    key: usize,
    not_null: Vec<bool>,
    /// Values at the limits of their types, so that sums and products fail, and numbers that are none.
    wild: bool,
    /// Rows that were inserted before.
    inserted: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Keeping {
    Append,
    /// Rows are never taken out.
    InsertOnly,
    Upsert,
    Versioned,
    VersionedDeleted,
}

/// Rows of a table that come back are among so many last ones.
const INSERTED_MAX: usize = 30;

const VERSION: &str = "ver";
const DELETED: &str = "del";

pub fn tables(random: &mut Choices) -> Vec<Table> {
    (0..random.number(1, 3)).map(|number| Table::new(format!("t{number}"), random)).collect()
}

impl Table {
    fn new(name: String, random: &mut Choices) -> Table {
        use Keeping::{Append, InsertOnly, Upsert, Versioned, VersionedDeleted};
        let keeping = random.one_of(&[Append, Append, Append, InsertOnly, Upsert, Versioned, VersionedDeleted]);
        let key = if matches!(keeping, Append | InsertOnly) { 0 } else { random.number(1, 2) };
        let mut columns = vec![];
        for number in 0..random.number(2, 7).max(key) {
            let kind = match random.one_of(&KINDS) {
                Kind::Double if number < key => Kind::Integer,
                kind => kind,
            };
            columns.push(Column { name: format!("{}{number}", kind.letter()), kind });
        }
        if matches!(keeping, Versioned | VersionedDeleted) {
            columns.push(Column { name: VERSION.to_string(), kind: Kind::Integer });
        }
        if keeping == VersionedDeleted {
            columns.push(Column { name: DELETED.to_string(), kind: Kind::Boolean });
        }
        let not_null = (0..columns.len()).map(|number| number < key || random.chance(10)).collect();
        let wild = random.chance(10);
        Table { relation: Relation { name, columns }, keeping, key, not_null, wild, inserted: vec![] }
    }

    pub fn definition(&self) -> String {
        let columns = self.relation.columns.iter().zip(&self.not_null);
        let column = |(c, not_null): (&Column, &bool)| {
            format!("{} {}{}", c.name, c.kind.sql(), if *not_null { " NOT NULL" } else { "" })
        };
        let columns: Vec<String> = columns.map(column).collect();
        let names: Vec<&str> = self.relation.columns[..self.key].iter().map(|c| c.name.as_str()).collect();
        let key = if self.key == 0 { String::new() } else { format!(", PRIMARY KEY ({})", names.join(", ")) };
        let options = match self.keeping {
            Keeping::Versioned => format!(" WITH (version = '{VERSION}')"),
            Keeping::VersionedDeleted => format!(" WITH (version = '{VERSION}', deleted = '{DELETED}')"),
            _ => String::new(),
        };
        format!("CREATE TABLE {} ({}{key}){options}", self.relation.name, columns.join(", "))
    }

    /// One or two statements.
    pub fn change(&mut self, random: &mut Choices) -> Vec<String> {
        let name = self.relation.name.clone();
        let corrected = self.keeping != Keeping::InsertOnly && self.key < self.relation.columns.len();
        let deletes = self.keeping != Keeping::InsertOnly && self.keeping != Keeping::Versioned;
        match random.below(20) {
            8..=9 => vec![self.again(random)],
            10..=12 if corrected => vec![self.update(random)],
            13 if corrected => {
                let column = self.changeable(random).name.clone();
                vec![format!("UPDATE {name} SET {column} = {column}{}", self.condition(random))]
            }
            14..=16 if deletes => vec![format!("DELETE FROM {name}{}", self.condition(random))],
            17 if deletes => vec![format!("DELETE FROM {name}")],
            18 if deletes => vec![format!("DELETE FROM {name}{}", self.condition(random)), self.again(random)],
            19 if deletes => vec![self.again(random), format!("DELETE FROM {name}"), self.again(random)],
            _ => {
                let rows: Vec<String> = (0..random.number(1, 6)).map(|_| self.row(random)).collect();
                self.inserted.extend(rows.iter().cloned());
                let excess = self.inserted.len().saturating_sub(INSERTED_MAX);
                self.inserted.drain(..excess);
                vec![format!("INSERT INTO {name} VALUES {}", rows.join(", "))]
            }
        }
    }

    /// Rows that were there before, or are still.
    fn again(&self, random: &mut Choices) -> String {
        let count = random.number(1, 4);
        let old = |random: &mut Choices| match self.inserted.is_empty() {
            true => self.row(random),
            false => self.inserted[random.below(self.inserted.len())].clone(),
        };
        let rows: Vec<String> = (0..count).map(|_| old(random)).collect();
        format!("INSERT INTO {} VALUES {}", self.relation.name, rows.join(", "))
    }

    fn update(&self, random: &mut Choices) -> String {
        let column = self.changeable(random);
        let same: Vec<&Column> = self
            .relation
            .columns
            .iter()
            .filter(|c| c.kind == column.kind && self.nullable(c) <= self.nullable(column))
            .collect();
        let value =
            if random.chance(25) { same[random.below(same.len())].name.clone() } else { self.value(random, column) };
        format!("UPDATE {} SET {} = {value}{}", self.relation.name, column.name, self.condition(random))
    }

    fn nullable(&self, column: &Column) -> bool {
        let at = self.relation.columns.iter().position(|c| c.name == column.name);
        at.is_some_and(|at| !self.not_null[at])
    }

    /// A column that is no part of a key.
    fn changeable(&self, random: &mut Choices) -> &Column {
        &self.relation.columns[self.key + random.below(self.relation.columns.len() - self.key)]
    }

    fn condition(&self, random: &mut Choices) -> String {
        let column = &self.relation.columns[random.below(self.relation.columns.len())];
        let (name, value) = (&column.name, constant(random, column.kind, false));
        match random.below(8) {
            0..=2 => format!(" WHERE {name} = {value}"),
            3 => format!(" WHERE {name} IS NULL"),
            4 => format!(" WHERE {name} > {value} OR {name} IS NULL"),
            5 => format!(" WHERE {name} <= {value}"),
            6 => format!(" WHERE {name} <> {value}"),
            _ => String::new(),
        }
    }

    fn row(&self, random: &mut Choices) -> String {
        let values: Vec<String> = self.relation.columns.iter().map(|column| self.value(random, column)).collect();
        format!("({})", values.join(", "))
    }

    fn value(&self, random: &mut Choices, column: &Column) -> String {
        if self.nullable(column) && random.chance(28) {
            return "NULL".to_string();
        }
        let wild = self.wild && random.chance(25);
        constant(random, column.kind, wild)
    }
}

/// A value of a small domain.
pub fn constant(random: &mut Choices, kind: Kind, wild: bool) -> String {
    let wild_values: &[&str] = match kind {
        Kind::Integer => &["9223372036854775807", "-9223372036854775808", "-9223372036854775807"],
        Kind::Decimal => &["9999999999999999.99", "-9999999999999999.99"],
        Kind::Double => &["CAST('NaN' AS DOUBLE)", "CAST('inf' AS DOUBLE)", "CAST('-inf' AS DOUBLE)"],
        Kind::Text => &["'é'", "'a,b'", "' '"],
        _ => &[],
    };
    if wild && !wild_values.is_empty() {
        return random.one_of(wild_values).to_string();
    }
    let values: &[&str] = match kind {
        Kind::Integer => &["1", "0", "2", "3", "-1"],
        Kind::Text => &["'a'", "'b'", "''", "'1'", "'ab'", "'2024-01-02'"],
        Kind::Decimal => &["1.50", "0.00", "0.10", "2.00", "-1.50", "99.99"],
        Kind::Double => &["1.5", "0.1", "0.2", "0.3", "1e16", "-1e16", "0", "-1.5"],
        Kind::Boolean => &["TRUE", "FALSE"],
        Kind::Date => &["'2024-01-01'", "'2024-01-02'", "'2024-02-29'"],
        Kind::Time => &["'2024-01-01 00:00:00'", "'2024-01-01 01:30:00'", "'2024-01-02 00:00:00.000001'"],
    };
    let value = random.one_of(values);
    match kind {
        Kind::Integer | Kind::Text | Kind::Boolean => value.to_string(),
        _ => format!("CAST({value} AS {})", kind.sql()),
    }
}
