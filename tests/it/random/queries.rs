//! Random queries over the operators: filter, projection, UNION ALL, latest-by-key, inner join, GROUP BY.

use fastrand::Rng;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Text,
    Integer,
    Decimal,
    Time,
    Boolean,
    Double,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Type,
}

#[derive(Clone, Debug)]
pub struct Relation {
    pub name: String,
    pub columns: Vec<Column>,
}

/// Operators are nested this deep at most.
const DEPTH_MAX: u8 = 4;

const TYPES: [Type; 6] = [Type::Text, Type::Integer, Type::Decimal, Type::Time, Type::Boolean, Type::Double];

/// Makes queries over relations.
pub struct Queries<'a> {
    random: &'a mut Rng,
    relations: &'a [Relation],
    /// Rows may fail: division, and values at the limits.
    may_fail: bool,
}

impl<'a> Queries<'a> {
    pub fn new(random: &'a mut Rng, relations: &'a [Relation]) -> Self {
        let may_fail = random.u8(0..6) == 0;
        Queries { random, relations, may_fail }
    }

    pub fn depth(&mut self) -> u8 {
        self.random.u8(1..=DEPTH_MAX)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(0..100) < percent
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.random.usize(..values.len())]
    }

    /// A query whose operators are nested `depth` deep; its columns are c0, c1 ...
    pub fn query(&mut self, depth: u8) -> (String, Relation) {
        match self.random.u8(0..12) {
            0 | 1 => self.project(depth),
            2 => self.filter(depth),
            3..=5 => self.latest(depth),
            6..=7 => self.join(depth),
            8..=10 => self.group(depth),
            _ => self.union(depth),
        }
    }

    /// What can stand after FROM.
    fn source(&mut self, depth: u8) -> (String, Relation) {
        if depth <= 1 || self.chance(20) {
            let at = self.random.usize(..self.relations.len());
            let relation = self.relations[at].clone();
            return (relation.name.clone(), relation);
        }
        let (sql, relation) = self.query(depth - 1);
        (format!("({sql})"), relation)
    }

    fn project(&mut self, depth: u8) -> (String, Relation) {
        let (from, input) = self.source(depth);
        let mut columns = vec![];
        let mut list = vec![];
        for number in 0..self.random.usize(1..=5) {
            let kind = self.one_of(&TYPES);
            let expression = self.expression(&scope(&input, "s"), kind, 2);
            list.push(format!("{expression} AS c{number}"));
            columns.push(column(number, kind));
        }
        let condition =
            if self.chance(40) { format!(" WHERE {}", self.predicate(&scope(&input, "s"), 2)) } else { String::new() };
        (format!("SELECT {} FROM {from} s{condition}", list.join(", ")), relation(columns))
    }

    fn filter(&mut self, depth: u8) -> (String, Relation) {
        let (from, input) = self.source(depth);
        let predicate = self.predicate(&scope(&input, "s"), 2);
        let (list, columns) = renamed(&input, "s", 0);
        (format!("SELECT {list} FROM {from} s WHERE {predicate}"), relation(columns))
    }

    fn latest(&mut self, depth: u8) -> (String, Relation) {
        let (from, input) = self.source(depth);
        let names = scope(&input, "s");
        let keys: Vec<String> = (0..self.random.usize(0..=2)).map(|_| self.any_expression(&names)).collect();
        let orders: Vec<String> = (0..self.random.usize(0..=2)).map(|_| self.order(&names)).collect();
        let partition = if keys.is_empty() { String::new() } else { format!("PARTITION BY {}", keys.join(", ")) };
        let order = if orders.is_empty() { String::new() } else { format!(" ORDER BY {}", orders.join(", ")) };
        let (list, columns) = renamed(&input, "s", 0);
        let window = format!("ROW_NUMBER() OVER ({partition}{order})");
        if self.chance(40) {
            return (format!("SELECT {list} FROM {from} s QUALIFY {window} = 1"), relation(columns));
        }
        let (outer, columns) = renamed(&relation(columns), "x", 0);
        let further = if self.chance(30) {
            format!(" AND {}", self.predicate(&scope(&relation(columns.clone()), "x"), 1))
        } else {
            String::new()
        };
        let sql = format!("SELECT {outer} FROM (SELECT {list}, {window} AS rn FROM {from} s) x WHERE rn = 1{further}");
        (sql, relation(columns))
    }

    fn order(&mut self, names: &[Column]) -> String {
        let expression = if self.chance(75) {
            names[self.random.usize(..names.len())].name.clone()
        } else {
            self.any_expression(names)
        };
        let suffix = self.one_of(&["", " DESC", " DESC NULLS LAST", " NULLS FIRST", " ASC NULLS LAST"]);
        format!("{expression}{suffix}")
    }

    fn join(&mut self, depth: u8) -> (String, Relation) {
        let (left_from, left) = self.source(depth);
        let (right_from, right) = self.source(depth.min(2));
        let (a, b) = (scope(&left, "a"), scope(&right, "b"));
        let mut on = vec![];
        for _ in 0..self.random.usize(1..=2) {
            let shared: Vec<Type> = TYPES.into_iter().filter(|kind| has(&a, *kind) && has(&b, *kind)).collect();
            let kind = if shared.is_empty() { Type::Integer } else { self.one_of(&shared) };
            let (x, y) = (self.column_of(&a, kind), self.column_of(&b, kind));
            on.push(format!("{x} = {y}"));
        }
        if self.chance(35) {
            let both: Vec<Column> = a.iter().chain(&b).cloned().collect();
            on.push(self.predicate(&both, 2));
        }
        let (left_list, mut columns) = renamed(&left, "a", 0);
        let (right_list, right_columns) = renamed(&right, "b", columns.len());
        columns.extend(right_columns);
        let sql =
            format!("SELECT {left_list}, {right_list} FROM {left_from} a JOIN {right_from} b ON {}", on.join(" AND "));
        (sql, relation(columns))
    }

    /// A column of this type, now and then an expression, else a constant.
    fn column_of(&mut self, names: &[Column], kind: Type) -> String {
        if has(names, kind) && self.chance(85) {
            let fitting: Vec<&Column> = names.iter().filter(|c| c.kind == kind).collect();
            return fitting[self.random.usize(..fitting.len())].name.clone();
        }
        // A constant alone would make a cross join.
        let any = &names[self.random.usize(..names.len())].name;
        let expression = self.expression(names, kind, 1);
        format!("CASE WHEN {any} IS NULL THEN NULL ELSE {expression} END")
    }

    fn group(&mut self, depth: u8) -> (String, Relation) {
        let (from, input) = self.source(depth);
        let names = scope(&input, "s");
        let (mut list, mut columns, mut keys) = (vec![], vec![], vec![]);
        for _ in 0..self.random.usize(0..=2) {
            let kind = self.one_of(&TYPES);
            let key = self.column_of(&names, kind);
            list.push(format!("{key} AS c{}", columns.len()));
            columns.push(column(columns.len(), kind));
            keys.push(key);
        }
        for _ in 0..self.random.usize(1..=3) {
            let (function, kind) = self.function(&names);
            list.push(format!("{function} AS c{}", columns.len()));
            columns.push(column(columns.len(), kind));
        }
        let mut sql = format!("SELECT {} FROM {from} s", list.join(", "));
        if !keys.is_empty() {
            // DataFusion refuses a column that is twice in ROLLUP.
            let different = keys.iter().enumerate().all(|(i, key)| !keys[..i].contains(key));
            let keys = keys.join(", ");
            sql += &match self.random.u8(0..8) {
                _ if !different => format!(" GROUP BY {keys}"),
                0 => format!(" GROUP BY ROLLUP ({keys})"),
                1 => format!(" GROUP BY CUBE ({keys})"),
                _ => format!(" GROUP BY {keys}"),
            };
        }
        if self.chance(20) {
            let function = self.function(&names).0;
            sql += &format!(" HAVING {function} IS NOT NULL AND COUNT(*) < 9");
        }
        (sql, relation(columns))
    }

    fn function(&mut self, names: &[Column]) -> (String, Type) {
        let filter =
            if self.chance(30) { format!(" FILTER (WHERE {})", self.predicate(names, 1)) } else { String::new() };
        let number = self.one_of(&[Type::Integer, Type::Decimal]);
        let argument = if self.chance(75) { self.column_of(names, number) } else { self.expression(names, number, 1) };
        match self.random.u8(0..12) {
            6.. => self.folded_function(names, &filter),
            0 => (format!("COUNT(*){filter}"), Type::Integer),
            1 => (format!("COUNT({argument}){filter}"), Type::Integer),
            2 if number == Type::Decimal => (format!("CAST(SUM({argument}){filter} AS DECIMAL(18,2))"), Type::Decimal),
            2 => (format!("SUM({argument}){filter}"), Type::Integer),
            3 if number == Type::Decimal => (format!("CAST(AVG({argument}){filter} AS DECIMAL(18,2))"), Type::Decimal),
            3 => (format!("AVG({argument}){filter}"), Type::Double),
            _ => {
                let name = self.one_of(&["MIN", "MAX"]);
                let kind = self.one_of(&TYPES);
                let argument = self.column_of(names, kind);
                (format!("{name}({argument}){filter}"), kind)
            }
        }
    }

    /// A function whose value needs the rows of the group, not a total.
    fn folded_function(&mut self, names: &[Column], filter: &str) -> (String, Type) {
        let kind = self.one_of(&TYPES);
        let (any, order) = (self.column_of(names, kind), self.one_of(&TYPES));
        let mut order = self.column_of(names, order);
        if self.chance(50) {
            order += self.one_of(&[" DESC", " NULLS FIRST", " DESC NULLS LAST"]);
        }
        let number = self.one_of(&[Type::Integer, Type::Decimal, Type::Double]);
        let value = self.column_of(names, number);
        let text = self.column_of(names, Type::Text);
        match self.random.u8(0..10) {
            0 => (format!("COUNT(DISTINCT {any}){filter}"), Type::Integer),
            1 if number == Type::Decimal => {
                (format!("CAST(SUM(DISTINCT {value}){filter} AS DECIMAL(18,2))"), Type::Decimal)
            }
            1 => (format!("SUM(DISTINCT {value}){filter}"), number),
            2 => {
                let name = self.one_of(&["SUM", "AVG", "STDDEV", "VAR_POP", "MEDIAN"]);
                let value = self.column_of(names, Type::Double);
                (format!("{name}({value}){filter}"), Type::Double)
            }
            3 => (format!("ARRAY_TO_STRING(ARRAY_AGG({text} ORDER BY {order}){filter}, ',', '?')"), Type::Text),
            4 => (format!("ARRAY_TO_STRING(ARRAY_AGG({text}){filter}, ',', '?')"), Type::Text),
            5 => (format!("CAST(STRING_AGG(DISTINCT {text}, ',' ORDER BY {text}){filter} AS VARCHAR)"), Type::Text),
            6 => (format!("MEDIAN({value}){filter}"), number),
            7 => (format!("NTH_VALUE({any}, 2 ORDER BY {order}){filter}"), kind),
            _ => {
                let name = self.one_of(&["FIRST_VALUE", "LAST_VALUE"]);
                let nulls = self.one_of(&["", " IGNORE NULLS", " RESPECT NULLS"]);
                (format!("{name}({any} ORDER BY {order}){filter}{nulls}"), kind)
            }
        }
    }

    fn union(&mut self, depth: u8) -> (String, Relation) {
        let kinds: Vec<Type> = (0..self.random.usize(1..=3)).map(|_| self.one_of(&TYPES)).collect();
        let mut parts = vec![];
        for _ in 0..self.random.usize(2..=3) {
            let (from, input) = self.source(depth.min(2));
            let names = scope(&input, "s");
            let list = kinds.iter().enumerate().map(|(number, &kind)| {
                let value = self.column_of(&names, kind);
                format!("{value} AS c{number}")
            });
            parts.push(format!("SELECT {} FROM {from} s", list.collect::<Vec<_>>().join(", ")));
        }
        let columns = kinds.iter().enumerate().map(|(number, &kind)| column(number, kind));
        (parts.join(" UNION ALL "), relation(columns.collect()))
    }

    fn any_expression(&mut self, names: &[Column]) -> String {
        let kind = self.one_of(&TYPES);
        if self.chance(80) { self.column_of(names, kind) } else { self.expression(names, kind, 1) }
    }

    fn expression(&mut self, names: &[Column], kind: Type, depth: u8) -> String {
        let fitting: Vec<&Column> = names.iter().filter(|c| c.kind == kind).collect();
        if !fitting.is_empty() && (depth == 0 || self.chance(55)) {
            return fitting[self.random.usize(..fitting.len())].name.clone();
        }
        if depth == 0 {
            return self.constant(kind);
        }
        if self.chance(20) {
            let (a, b) = (self.expression(names, kind, depth - 1), self.expression(names, kind, depth - 1));
            return if self.chance(50) {
                format!("COALESCE({a}, {b})")
            } else {
                format!("CASE WHEN {} THEN {a} ELSE {b} END", self.predicate(names, depth - 1))
            };
        }
        let (a, b) = (self.expression(names, kind, depth - 1), self.expression(names, kind, depth - 1));
        match kind {
            Type::Integer => match self.one_of(&["+", "-", "*", "/"]) {
                "/" if self.may_fail => format!("({a} / {b})"),
                "/" => format!("({a} / 2)"),
                sign => format!("({a} {sign} {b})"),
            },
            Type::Decimal => {
                let sign = self.one_of(&["+", "-", "*"]);
                format!("CAST({a} {sign} {b} AS DECIMAL(18,2))")
            }
            Type::Text => format!("({a} || {b})"),
            Type::Time => format!("DATE_TRUNC('month', {a})"),
            // Nothing that makes minus zero: MIN and MAX of DataFusion take whichever zero comes first.
            Type::Double => format!("({a} / 2)"),
            Type::Boolean => self.predicate(names, depth - 1),
        }
    }

    fn predicate(&mut self, names: &[Column], depth: u8) -> String {
        if depth > 0 && self.chance(35) {
            let (a, b) = (self.predicate(names, depth - 1), self.predicate(names, depth - 1));
            return match self.random.u8(0..3) {
                0 => format!("({a} AND {b})"),
                1 => format!("({a} OR {b})"),
                _ => format!("NOT ({a})"),
            };
        }
        let kind = self.one_of(&TYPES);
        let a = self.expression(names, kind, depth.min(1));
        match self.random.u8(0..5) {
            0 => format!("({a}) IS NULL"),
            1 => format!("({a}) IS NOT NULL"),
            _ => {
                let b = self.expression(names, kind, 0);
                let sign = self.one_of(&["=", "<>", "<", ">=", ">"]);
                format!("{a} {sign} {b}")
            }
        }
    }

    fn constant(&mut self, kind: Type) -> String {
        match kind {
            Type::Integer => self.one_of(&["0", "1", "2", "7"]).to_string(),
            Type::Decimal => self.one_of(&["CAST(0.5 AS DECIMAL(18,2))", "CAST(10.25 AS DECIMAL(18,2))"]).to_string(),
            Type::Text => self.one_of(&["'a'", "'b'", "'zz'"]).to_string(),
            Type::Time => "TIMESTAMP '2024-01-02 00:00:00'".to_string(),
            Type::Double => "CAST(0.5 AS DOUBLE)".to_string(),
            Type::Boolean => self.one_of(&["TRUE", "FALSE"]).to_string(),
        }
    }
}

fn has(names: &[Column], kind: Type) -> bool {
    names.iter().any(|c| c.kind == kind)
}

fn column(number: usize, kind: Type) -> Column {
    Column { name: format!("c{number}"), kind }
}

fn relation(columns: Vec<Column>) -> Relation {
    Relation { name: String::new(), columns }
}

/// The columns with the alias of their relation.
fn scope(relation: &Relation, alias: &str) -> Vec<Column> {
    let qualified = |c: &Column| Column { name: format!("{alias}.{}", c.name), kind: c.kind };
    relation.columns.iter().map(qualified).collect()
}

/// A SELECT list that names all columns c<first>, c<first + 1> ...
fn renamed(relation: &Relation, alias: &str, first: usize) -> (String, Vec<Column>) {
    let numbered = || relation.columns.iter().enumerate();
    let list: Vec<String> = numbered().map(|(i, c)| format!("{alias}.{} AS c{}", c.name, first + i)).collect();
    (list.join(", "), numbered().map(|(i, c)| column(first + i, c.kind)).collect())
}
