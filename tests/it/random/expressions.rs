//! Random expressions, conditions and orders over the columns in reach, from the templates of the surface.

use super::choices::Choices;
use super::kind::{KINDS, Kind};
use super::surface::{AGGREGATES, ASKING, CONDITIONS, FRAMES, ONE_VALUE, SCALARS, Template, WINDOWS};
use super::tables::{Column, Relation, constant};

/// Writes queries over relations.
pub struct Writer<'a> {
    pub random: &'a mut Choices,
    pub relations: Vec<Relation>,
    /// Expressions may fail for some rows.
    pub may_fail: bool,
    /// Aliases that were given.
    pub aliases: usize,
    /// What `{w}` stands for in the query at hand.
    pub window: Option<String>,
}

impl<'a> Writer<'a> {
    pub fn new(random: &'a mut Choices, relations: &[Relation]) -> Self {
        let may_fail = random.chance(12);
        Writer { random, relations: relations.to_vec(), may_fail, aliases: 0, window: None }
    }

    pub fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("q{}", self.aliases)
    }

    /// A kind, most often one that a column in reach has.
    pub fn kind(&mut self, scope: &[Column]) -> Kind {
        if scope.is_empty() || self.random.chance(15) {
            return self.random.one_of(&KINDS);
        }
        scope[self.random.below(scope.len())].kind
    }

    fn pick(&mut self, templates: &'static [Template], kind: Option<Kind>) -> Option<&'static Template> {
        let may_fail = self.may_fail;
        let fits = |t: &&Template| (may_fail || !t.fails) && (kind.is_none() || t.kind.is_none() || t.kind == kind);
        let fitting: Vec<&'static Template> = templates.iter().filter(fits).collect();
        self.random.weighted(&fitting, |t| t.weight)
    }

    /// A column of this kind or a constant.
    pub fn column(&mut self, scope: &[Column], kind: Kind) -> String {
        let fitting: Vec<&Column> = scope.iter().filter(|c| c.kind == kind).collect();
        match fitting.is_empty() {
            false => fitting[self.random.below(fitting.len())].name.clone(),
            true if self.random.chance(10) => format!("CAST(NULL AS {})", kind.sql()),
            true => constant(self.random, kind, false),
        }
    }

    /// A column of this kind, more often than anything else.
    pub fn simple(&mut self, scope: &[Column], kind: Kind) -> String {
        let depth = usize::from(self.random.chance(20));
        self.expression(scope, kind, depth)
    }

    pub fn expression(&mut self, scope: &[Column], kind: Kind, depth: usize) -> String {
        match self.random.below(20) {
            0..=10 => self.column(scope, kind),
            11 => constant(self.random, kind, false),
            _ if depth == 0 => self.column(scope, kind),
            how => {
                let condition = kind == Kind::Boolean && how > 13;
                let templates: &'static [Template] = if condition { &CONDITIONS } else { &SCALARS };
                match self.pick(templates, if condition { None } else { Some(kind) }) {
                    Some(template) => self.fill(template.sql, (scope, scope), kind, depth - 1),
                    None => self.column(scope, kind),
                }
            }
        }
    }

    pub fn predicate(&mut self, scope: &[Column], depth: usize) -> String {
        match self.pick(&CONDITIONS, None) {
            Some(template) => self.fill(template.sql, (scope, scope), Kind::Boolean, depth),
            None => "TRUE".to_string(),
        }
    }

    /// A predicate of WHERE or HAVING: it may ask queries.
    pub fn condition(&mut self, scope: &[Column], depth: usize) -> String {
        match self.random.below(10) {
            6 if depth > 0 => {
                let (a, b) = (self.condition(scope, depth - 1), self.condition(scope, depth - 1));
                let sign = self.random.one_of(&["AND", "OR"]);
                format!("({a} {sign} {b})")
            }
            7..=9 if depth > 0 => match self.pick(&ASKING, None) {
                Some(template) => self.asking(template.sql, scope, Kind::Boolean),
                None => self.predicate(scope, depth),
            },
            _ => self.predicate(scope, depth),
        }
    }

    /// One value of a query, for SELECT.
    pub fn one_value(&mut self, scope: &[Column], kind: Kind) -> Option<String> {
        let template = self.pick(&ONE_VALUE, Some(kind))?;
        Some(self.asking(template.sql, scope, kind))
    }

    pub fn aggregate(&mut self, scope: &[Column]) -> (String, Kind) {
        let template = self.pick(&AGGREGATES, None).expect("some aggregates are on");
        let kind = template.kind.unwrap_or_else(|| self.kind(scope));
        let depth = usize::from(self.random.chance(30));
        (self.fill(template.sql, (scope, scope), kind, depth), kind)
    }

    pub fn window_function(&mut self, scope: &[Column]) -> (String, Kind) {
        let template = self.pick(&WINDOWS, None).expect("some windows are on");
        let kind = template.kind.unwrap_or_else(|| self.kind(scope));
        (self.fill(template.sql, (scope, scope), kind, 0), kind)
    }

    /// FROM and WHERE of a query that is asked, and the columns that it reads.
    fn asked(&mut self, outer: &[Column]) -> (String, Vec<Column>) {
        let (from, columns) = self.source(1);
        let alias = self.alias();
        let inner = qualified(&columns, &alias);
        let mut conditions = vec![];
        if self.random.chance(55) {
            let kind = self.kind(outer);
            let sign = self.random.one_of(&["=", "=", "=", "=", "=", "=", "<", "<>"]);
            let (a, b) = (self.column(&inner, kind), self.column(outer, kind));
            conditions.push(format!("{a} {sign} {b}"));
        }
        if self.random.chance(40) {
            conditions.push(self.predicate(&inner, 1));
        }
        let condition =
            if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        (format!("FROM {from} {alias}{condition}"), inner)
    }

    fn asking(&mut self, sql: &str, scope: &[Column], kind: Kind) -> String {
        let (asked, inner) = self.asked(scope);
        self.fill(&sql.replace("{q}", &asked), (scope, &inner), kind, 0)
    }

    /// Fills the holes of a template. `scopes`: outside of SELECT and inside.
    fn fill(&mut self, sql: &str, scopes: (&[Column], &[Column]), kind: Kind, depth: usize) -> String {
        let any = if sql.contains("{~}") { self.kind(scopes.1) } else { kind };
        let mut out = String::new();
        let mut rest = sql;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            let hole = rest[at + 1..].chars().next().expect("a hole has a letter");
            rest = &rest[at + 3..];
            let asked = out.rfind("SELECT ").is_some_and(|at| !out[at..].contains("FROM "));
            let scope = if asked { scopes.1 } else { scopes.0 };
            let filled = match hole {
                '=' => self.expression(scope, kind, depth),
                '~' => self.expression(scope, any, depth),
                'b' => self.boolean(scope, depth),
                'f' if self.random.chance(25) => format!(" FILTER (WHERE {})", self.predicate(scope, 0)),
                'f' => String::new(),
                'o' => self.orders(scope),
                'w' => self.over(scope),
                'r' => self.frame(),
                letter => {
                    let kind = KINDS.into_iter().find(|kind| kind.letter() == letter).expect("a known hole");
                    self.expression(scope, kind, depth)
                }
            };
            out.push_str(&filled);
        }
        out + rest
    }

    fn boolean(&mut self, scope: &[Column], depth: usize) -> String {
        if depth > 0 { self.predicate(scope, depth - 1) } else { self.column(scope, Kind::Boolean) }
    }

    /// One or two orders.
    pub fn orders(&mut self, scope: &[Column]) -> String {
        let count = self.random.number(1, 2);
        let orders: Vec<String> = (0..count).map(|_| self.order(scope)).collect();
        orders.join(", ")
    }

    fn order(&mut self, scope: &[Column]) -> String {
        let kind = self.kind(scope);
        let mut value = self.simple(scope, kind);
        if value.parse::<i64>().is_ok() {
            // It would be the number of a column.
            value = format!("{value} + 0");
        }
        let suffix = self.random.one_of(&["", " DESC", " DESC NULLS LAST", " NULLS FIRST", " ASC NULLS LAST"]);
        format!("{value}{suffix}")
    }

    /// PARTITION BY and ORDER BY; most functions of a query have the same.
    fn over(&mut self, scope: &[Column]) -> String {
        if let Some(window) = &self.window
            && !self.random.chance(30)
        {
            return window.clone();
        }
        let mut parts = vec![];
        let keys: Vec<String> = (0..self.random.number(0, 2)).map(|_| self.order_key(scope)).collect();
        if !keys.is_empty() {
            parts.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        parts.push(format!("ORDER BY {}", self.orders(scope)));
        let window = parts.join(" ");
        self.window = Some(window.clone());
        window
    }

    fn order_key(&mut self, scope: &[Column]) -> String {
        let kind = self.kind(scope);
        self.simple(scope, kind)
    }

    fn frame(&mut self) -> String {
        let frames: Vec<&(usize, &str)> = FRAMES.iter().collect();
        self.random.weighted(&frames, |frame| frame.0).map_or_else(String::new, |frame| frame.1.to_string())
    }
}

/// The columns with the alias of their relation.
pub fn qualified(columns: &[Column], alias: &str) -> Vec<Column> {
    columns.iter().map(|c| Column { name: format!("{alias}.{}", c.name), kind: c.kind }).collect()
}
