//! How large a query is once every name stands for its query.
//!
//! Thirty names of a WITH that each read the one before twice are 2 KB of text and a plan of 2^30 nodes, which DataFusion
//! walks while it plans. So they are counted in the text, before.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, Query, Visit, Visitor};

use crate::error::{Error, Result};

/// Expressions but literals, and relations, of one query; those of a name counted as often as it is read.
const SIZE_MAX: u64 = 20_000;

/// The expressions and relations of a query. `sizes`: those of the plain views, by name.
///
/// Errors: `Refused` for more than are planned.
pub fn check_size(query: &Query, sizes: &HashMap<String, u64>) -> Result<u64> {
    let mut counter = Counter { sizes, queries: vec![Within::default()] };
    let _ = query.visit(&mut counter);
    let size = counter.queries.first().map_or(0, |all| all.size);
    if size <= SIZE_MAX {
        return Ok(size);
    }
    let message = format!("with its names spelled out the query has more than {SIZE_MAX} expressions");
    Err(Error::refused(message).hint("read each name once, or make one that is read often a materialized view"))
}

/// A query that is being counted, and the names of its WITH.
#[derive(Default)]
struct Within {
    size: u64,
    /// By the place of the query in memory.
    names: HashMap<*const Query, String>,
    sizes: HashMap<String, u64>,
}

struct Counter<'a> {
    sizes: &'a HashMap<String, u64>,
    /// From the outermost to the innermost.
    queries: Vec<Within>,
}

impl Counter<'_> {
    fn add(&mut self, size: u64) -> ControlFlow<()> {
        if let Some(innermost) = self.queries.last_mut() {
            innermost.size = innermost.size.saturating_add(size);
        }
        ControlFlow::Continue(())
    }
}

fn normal(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

impl Visitor for Counter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let named = query.with.iter().flat_map(|with| &with.cte_tables);
        let names = named.map(|name| (std::ptr::from_ref(&*name.query), normal(&name.alias.name))).collect();
        self.queries.push(Within { size: 1, names, sizes: HashMap::new() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let Some(ended) = self.queries.pop() else { return ControlFlow::Continue(()) };
        if let Some(outer) = self.queries.last_mut()
            && let Some(name) = outer.names.remove(&std::ptr::from_ref(query))
        {
            outer.sizes.insert(name, ended.size);
            return ControlFlow::Continue(());
        }
        self.add(ended.size)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = match relation.0.as_slice() {
            [name] => name.as_ident().map(normal),
            _ => None,
        };
        let size = name.and_then(|name| {
            let of_with = self.queries.iter().rev().find_map(|within| within.sizes.get(&name));
            of_with.or_else(|| self.sizes.get(&name)).copied()
        });
        self.add(size.unwrap_or(1))
    }

    /// Long lists of literals cost little.
    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.add(u64::from(!matches!(expr, Expr::Value(_))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn size(text: &str) -> Result<u64> {
        let parsed = Parser::parse_sql(&GenericDialect {}, text).expect("SQL");
        let [Statement::Query(query)] = parsed.as_slice() else { panic!("{text} is no query") };
        check_size(query, &HashMap::from([("v".to_string(), 100)]))
    }

    #[test]
    fn a_name_counts_as_often_as_it_is_read() {
        // A query, what it selects, and what it reads.
        for (text, expected) in [
            ("SELECT a FROM t", 3),
            ("SELECT a + b FROM t", 5),
            ("SELECT a FROM v", 102),
            ("WITH n AS (SELECT a FROM t) SELECT 1", 1),
            ("WITH n AS (SELECT a FROM t) SELECT 1 FROM n, N", 7),
            ("WITH n AS (SELECT a FROM t), m AS (SELECT 1 FROM n, n) SELECT 1 FROM m, \"M\"", 9),
            ("WITH v AS (SELECT 1) SELECT 1 FROM v, (WITH n AS (SELECT 1) SELECT 1 FROM n, v) x", 5),
            ("SELECT (SELECT a FROM v)", 104),
        ] {
            assert_eq!(size(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn names_that_double_each_other_are_too_many() {
        let names = (1..80).map(|n| format!(", n{n} AS (SELECT 1 FROM n{0}, n{0})", n - 1));
        let text = format!("WITH n0 AS (SELECT 1){} SELECT 1 FROM n79", names.collect::<String>());
        let said = size(&text).expect_err("too many").message;
        assert_eq!(said, "with its names spelled out the query has more than 20000 expressions");
    }
}
