//! Random queries, nested: each form that the surface has switched on.

use super::expressions::{Writer, qualified};
use super::kind::Kind;
use super::surface::{FORMS, Form, JOINS, SETS};
use super::tables::{Column, Relation, constant};

/// A query shows so many columns of each relation, so that joins of joins stay narrow.
const SHOWN_COLUMNS_MAX: usize = 6;

/// A query and its columns, c0, c1 ...
pub type Query = (String, Vec<Column>);

impl Writer<'_> {
    /// A query whose forms are nested `depth` deep.
    pub fn query(&mut self, depth: usize) -> Query {
        let forms: Vec<&(usize, Form)> = FORMS.iter().collect();
        let form = self.random.weighted(&forms, |form| form.0).map_or(Form::Project, |form| form.1);
        match form {
            Form::Project => self.project(depth, ""),
            Form::Distinct => self.project(depth, "DISTINCT "),
            Form::Filter => self.filter(depth),
            Form::Group => self.group(depth, false),
            Form::GroupingSets => self.group(depth, true),
            Form::Join => self.join(depth),
            Form::Set => self.set(depth),
            Form::Latest => self.ranked(depth, true),
            Form::TopN => self.ranked(depth, false),
            Form::DistinctOn => self.distinct_on(depth),
            Form::OrderLimit => self.order_limit(depth),
            Form::Window => self.windows(depth),
            Form::With => self.with(depth),
            Form::Unnest => self.unnest(depth),
            Form::Values => self.values(),
            Form::NoFrom => self.no_from(),
        }
    }

    /// What can stand after FROM.
    pub fn source(&mut self, depth: usize) -> Query {
        if depth <= 1 || self.random.chance(15) {
            // The newest relations first: views on views.
            let at = self.relations.len() - 1 - self.random.below(self.relations.len());
            let relation = &self.relations[at];
            return (relation.name.clone(), relation.columns.clone());
        }
        let (sql, columns) = self.query(depth - 1);
        (format!("({sql})"), columns)
    }

    fn project(&mut self, depth: usize, distinct: &str) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let (mut list, mut columns) = (vec![], vec![]);
        for number in 0..self.random.number(1, 4) {
            let kind = self.kind(&scope);
            let asked = if self.random.chance(8) { self.one_value(&scope, kind) } else { None };
            let expression = asked.unwrap_or_else(|| self.expression(&scope, kind, 2));
            list.push(format!("{expression} AS c{number}"));
            columns.push(column(number, kind));
        }
        let condition = if self.random.chance(30) { self.filtered(&scope) } else { String::new() };
        (format!("SELECT {distinct}{} FROM {from} {alias}{condition}", list.join(", ")), columns)
    }

    fn filtered(&mut self, scope: &[Column]) -> String {
        format!(" WHERE {}", self.condition(scope, 2))
    }

    fn filter(&mut self, depth: usize) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let condition = self.filtered(&qualified(&input, &alias));
        let (list, columns) = renamed(&input, &alias, 0);
        (format!("SELECT {list} FROM {from} {alias}{condition}"), columns)
    }

    fn group(&mut self, depth: usize, sets: bool) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let (mut list, mut columns, mut keys) = (vec![], vec![], vec![]);
        let least = if sets { 2 } else { usize::from(!self.random.chance(15)) };
        for _ in 0..self.random.number(least, 2) {
            let kind = self.kind(&scope);
            // A constant would be the number of a column.
            let key = self.simple(&scope, kind);
            if key.contains(&format!("{alias}.")) && !keys.contains(&key) {
                list.push(format!("{key} AS c{}", columns.len()));
                columns.push(column(columns.len(), kind));
                keys.push(key);
            }
        }
        for _ in 0..self.random.number(1, 3) {
            let (function, kind) = self.aggregate(&scope);
            list.push(format!("{function} AS c{}", columns.len()));
            columns.push(column(columns.len(), kind));
        }
        if sets && !keys.is_empty() && self.random.chance(30) {
            list.push(format!("CAST(GROUPING({}) AS BIGINT) AS c{}", keys[0], columns.len()));
            columns.push(column(columns.len(), Kind::Integer));
        }
        let condition = if self.random.chance(20) { self.filtered(&scope) } else { String::new() };
        let mut sql = format!("SELECT {} FROM {from} {alias}{condition}", list.join(", "));
        if !keys.is_empty() {
            sql += &format!(" GROUP BY {}", self.grouped_by(&keys, sets));
        }
        if self.random.chance(15) {
            let function = self.aggregate(&scope).0;
            let asked = if self.random.chance(30) { self.one_value(&[], Kind::Integer) } else { None };
            sql += &match asked {
                Some(asked) => format!(" HAVING COUNT(*) <= {asked}"),
                None => format!(" HAVING {function} IS NOT NULL AND COUNT(*) < 4"),
            };
        }
        (sql, columns)
    }

    fn grouped_by(&mut self, keys: &[String], sets: bool) -> String {
        let all = keys.join(", ");
        if !sets {
            let numbers: Vec<String> = (1..=keys.len()).map(|number| number.to_string()).collect();
            return if self.random.chance(10) { numbers.join(", ") } else { all };
        }
        match self.random.below(4) {
            0 => format!("ROLLUP ({all})"),
            1 => format!("CUBE ({all})"),
            2 => format!("GROUPING SETS (({all}), ({}), ())", keys[0]),
            _ => format!("GROUPING SETS (({}), ({}))", keys[0], keys[keys.len() - 1]),
        }
    }

    fn join(&mut self, depth: usize) -> Query {
        let (left_from, left) = self.source(depth);
        let right_depth = self.random.number(1, 2).min(depth);
        let (right_from, right) = self.source(right_depth);
        let (a, b) = (self.alias(), self.alias());
        let (left_scope, right_scope) = (qualified(&left, &a), qualified(&right, &b));
        let joins: Vec<&(usize, &str)> = JOINS.iter().collect();
        let join = self.random.weighted(&joins, |join| join.0).map_or("JOIN", |join| join.1);
        let on = if join == "CROSS JOIN" { String::new() } else { self.join_condition(&left_scope, &right_scope) };
        let (left_list, left_columns) = renamed(&left, &a, 0);
        let from = format!("FROM {left_from} {a} {join} {right_from} {b}{on}");
        match join {
            "LEFT SEMI JOIN" | "LEFT ANTI JOIN" => (format!("SELECT {left_list} {from}"), left_columns),
            "RIGHT SEMI JOIN" | "RIGHT ANTI JOIN" => {
                let (list, columns) = renamed(&right, &b, 0);
                (format!("SELECT {list} {from}"), columns)
            }
            _ => {
                let (right_list, right_columns) = renamed(&right, &b, left_columns.len());
                let columns: Vec<Column> = left_columns.into_iter().chain(right_columns).collect();
                let both: Vec<Column> = left_scope.into_iter().chain(right_scope).collect();
                let condition = if self.random.chance(15) { self.filtered(&both) } else { String::new() };
                (format!("SELECT {left_list}, {right_list} {from}{condition}"), columns)
            }
        }
    }

    fn join_condition(&mut self, left: &[Column], right: &[Column]) -> String {
        let shared: Vec<Kind> = left.iter().map(|c| c.kind).filter(|k| right.iter().any(|c| c.kind == *k)).collect();
        let mut on = vec![];
        let least = usize::from(!self.random.chance(10));
        for _ in 0..self.random.number(least, 2) {
            let kind = if shared.is_empty() { Kind::Integer } else { self.random.one_of(&shared) };
            let (x, y) = (self.simple(left, kind), self.simple(right, kind));
            let sign = self.random.one_of(&["=", "=", "=", "=", "=", "=", "=", "IS NOT DISTINCT FROM", "<"]);
            on.push(format!("({x} {sign} {y})"));
        }
        if on.is_empty() || self.random.chance(30) {
            let both: Vec<Column> = left.iter().chain(right).cloned().collect();
            on.push(self.predicate(&both, 1));
        }
        format!(" ON {}", on.join(" AND "))
    }

    fn set(&mut self, depth: usize) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let kinds: Vec<Kind> = (0..self.random.number(1, 3)).map(|_| self.kind(&scope)).collect();
        let mut sql = self.part(&kinds, (&from, &alias), &scope);
        for _ in 0..self.random.number(1, 2) {
            let part_depth = self.random.number(1, 2).min(depth);
            let (from, input) = self.source(part_depth);
            let alias = self.alias();
            let sets: Vec<&(usize, &str)> = SETS.iter().collect();
            let set = self.random.weighted(&sets, |set| set.0).map_or("UNION ALL", |set| set.1);
            let part = self.part(&kinds, (&from, &alias), &qualified(&input, &alias));
            sql = format!("{sql} {set} {part}");
        }
        let columns = kinds.iter().enumerate().map(|(number, &kind)| column(number, kind));
        (sql, columns.collect())
    }

    fn part(&mut self, kinds: &[Kind], (from, alias): (&str, &str), scope: &[Column]) -> String {
        let list: Vec<String> = kinds
            .iter()
            .enumerate()
            .map(|(number, &kind)| format!("{} AS c{number}", self.simple(scope, kind)))
            .collect();
        let condition = if self.random.chance(25) { self.filtered(scope) } else { String::new() };
        format!("SELECT {} FROM {from} {alias}{condition}", list.join(", "))
    }

    /// The first row of each partition, or the first rows.
    fn ranked(&mut self, depth: usize, first: bool) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let keys: Vec<String> = (0..self.random.number(0, 2))
            .map(|_| {
                let kind = self.kind(&scope);
                self.simple(&scope, kind)
            })
            .collect();
        let partition = if keys.is_empty() { String::new() } else { format!("PARTITION BY {} ", keys.join(", ")) };
        let order =
            if first && self.random.chance(10) { String::new() } else { format!("ORDER BY {}", self.orders(&scope)) };
        let (name, test) = match first {
            true => ("ROW_NUMBER", "= 1"),
            false => (
                self.random.one_of(&["ROW_NUMBER", "RANK", "DENSE_RANK"]),
                self.random.one_of(&["<= 2", "< 4", "= 2", "BETWEEN 2 AND 3"]),
            ),
        };
        let window = format!("{name}() OVER ({partition}{order})");
        let (list, columns) = renamed(&input, &alias, 0);
        if self.random.chance(35) {
            return (format!("SELECT {list} FROM {from} {alias} QUALIFY {window} {test}"), columns);
        }
        let outer = self.alias();
        let (outer_list, columns) = renamed(&columns, &outer, 0);
        let further = if self.random.chance(20) {
            format!(" AND {}", self.predicate(&qualified(&columns, &outer), 1))
        } else {
            String::new()
        };
        let ranked = format!("SELECT {list}, {window} AS rn FROM {from} {alias}");
        (format!("SELECT {outer_list} FROM ({ranked}) {outer} WHERE {outer}.rn {test}{further}"), columns)
    }

    fn distinct_on(&mut self, depth: usize) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let kind = self.kind(&scope);
        let key = self.column(&scope, kind);
        let orders = self.orders(&scope);
        let (list, columns) = renamed(&input, &alias, 0);
        (format!("SELECT DISTINCT ON ({key}) {list} FROM {from} {alias} ORDER BY {key}, {orders}"), columns)
    }

    fn order_limit(&mut self, depth: usize) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let orders = self.orders(&qualified(&input, &alias));
        let limit = self.random.number(1, 4);
        let offset = if self.random.chance(25) { " OFFSET 1" } else { "" };
        let (list, columns) = renamed(&input, &alias, 0);
        (format!("SELECT {list} FROM {from} {alias} ORDER BY {orders} LIMIT {limit}{offset}"), columns)
    }

    fn windows(&mut self, depth: usize) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let (list, mut columns) = renamed(&input, &alias, 0);
        let mut list = vec![list];
        self.window = None;
        for _ in 0..self.random.number(1, 3) {
            let (function, kind) = self.window_function(&scope);
            list.push(format!("{function} AS c{}", columns.len()));
            columns.push(column(columns.len(), kind));
        }
        let condition = if self.random.chance(15) { self.filtered(&scope) } else { String::new() };
        (format!("SELECT {} FROM {from} {alias}{condition}", list.join(", ")), columns)
    }

    /// Common table expressions, which may read each other.
    fn with(&mut self, depth: usize) -> Query {
        let known = self.relations.len();
        let mut parts = vec![];
        for _ in 0..self.random.number(1, 2) {
            let (sql, columns) = self.query(depth.saturating_sub(1));
            let name = self.alias();
            parts.push(format!("{name} AS ({sql})"));
            self.relations.push(Relation { name, columns });
        }
        let (sql, columns) = self.join(1);
        self.relations.truncate(known);
        (format!("WITH {} {sql}", parts.join(", ")), columns)
    }

    fn unnest(&mut self, depth: usize) -> Query {
        let (from, input) = self.source(depth);
        let alias = self.alias();
        let scope = qualified(&input, &alias);
        let kind = self.kind(&scope);
        let (list, mut columns) = renamed(&input, &alias, 0);
        let (a, b) = (self.column(&scope, kind), self.simple(&scope, kind));
        let number = columns.len();
        columns.push(column(number, kind));
        (format!("SELECT {list}, UNNEST(MAKE_ARRAY({a}, {b})) AS c{number} FROM {from} {alias}"), columns)
    }

    fn values(&mut self) -> Query {
        let kinds: Vec<Kind> = (0..self.random.number(1, 3)).map(|_| self.kind(&[])).collect();
        let row = |writer: &mut Self| {
            let values: Vec<String> = kinds.iter().map(|&kind| constant(writer.random, kind, false)).collect();
            format!("({})", values.join(", "))
        };
        let rows: Vec<String> = (0..self.random.number(1, 3)).map(|_| row(self)).collect();
        let alias = self.alias();
        let list: Vec<String> = (0..kinds.len()).map(|n| format!("{alias}.column{} AS c{n}", n + 1)).collect();
        let columns = kinds.iter().enumerate().map(|(number, &kind)| column(number, kind)).collect();
        (format!("SELECT {} FROM (VALUES {}) {alias}", list.join(", "), rows.join(", ")), columns)
    }

    fn no_from(&mut self) -> Query {
        let kind = self.kind(&[]);
        let value = self.one_value(&[], kind).unwrap_or_else(|| self.column(&[], kind));
        (format!("SELECT {value} AS c0"), vec![column(0, kind)])
    }
}

fn column(number: usize, kind: Kind) -> Column {
    Column { name: format!("c{number}"), kind }
}

/// A SELECT list that names all columns c<first>, c<first + 1> ...
fn renamed(columns: &[Column], alias: &str, first: usize) -> (String, Vec<Column>) {
    let numbered = || columns.iter().take(SHOWN_COLUMNS_MAX).enumerate();
    let list: Vec<String> = numbered().map(|(i, c)| format!("{alias}.{} AS c{}", c.name, first + i)).collect();
    (list.join(", "), numbered().map(|(i, c)| column(first + i, c.kind)).collect())
}
