//! The tables and views that a query reads: the names after FROM and JOIN, in subqueries too, that no WITH defines.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, TableFactor, Visit, Visitor};

use super::names;

/// The names in order of appearance, each as often as it is written. Names with several parts are included; calls of
/// table functions are not.
pub(super) fn of(query: &Query) -> Vec<ObjectName> {
    let mut relations = Relations { open: vec![], found: vec![] };
    // The visitor never breaks off.
    let _ = query.visit(&mut relations);
    relations.found
}

struct Relations {
    /// The queries around the current place, outermost first.
    open: Vec<OpenQuery>,
    found: Vec<ObjectName>,
}

/// A query being visited. Its WITH queries come first, in order: the n-th query directly inside is the n-th of them.
struct OpenQuery {
    /// Names that its WITH defines.
    defined: Vec<String>,
    /// WITH RECURSIVE: a WITH query sees itself.
    recursive: bool,
    /// How many queries directly inside have begun and ended.
    begun: usize,
    ended: usize,
}

impl OpenQuery {
    /// A WITH query sees those before it, the body sees all.
    fn defines(&self, name: &str) -> bool {
        let visible = if self.recursive { self.begun } else { self.ended };
        self.defined.iter().take(visible).any(|defined| defined == name)
    }
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(outer) = self.open.last_mut() {
            outer.begun += 1;
        }
        let with = query.with.as_ref();
        let defined =
            with.iter().flat_map(|with| &with.cte_tables).map(|cte| names::normalize(&cte.alias.name)).collect();
        self.open.push(OpenQuery { defined, recursive: with.is_some_and(|with| with.recursive), begun: 0, ended: 0 });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.open.pop();
        if let Some(outer) = self.open.last_mut() {
            outer.ended += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            let defined = names::single(name).map(names::normalize);
            let is_local = defined.is_some_and(|name| self.open.iter().any(|query| query.defines(&name)));
            if !is_local {
                self.found.push(name.clone());
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

    use super::super::statement::DIALECT;
    use super::*;

    fn read(sql: &str) -> String {
        let query = Parser::new(&DIALECT).try_with_sql(sql).expect("tokens").parse_query().expect("a query");
        of(&query).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_found_wherever_a_query_can_stand() {
        assert_eq!(read("SELECT * FROM a JOIN b ON a.x = b.x, c"), "a b c");
        assert_eq!(
            read("SELECT (SELECT max(x) FROM b) FROM a WHERE EXISTS (SELECT 1 FROM c) AND x IN (SELECT x FROM d)"),
            "b a c d"
        );
        assert_eq!(read("SELECT * FROM (SELECT * FROM a) x UNION ALL (SELECT * FROM b)"), "a b");
        assert_eq!(read("SELECT * FROM s.a, generate_series(1, 3)"), "s.a");
    }

    #[test]
    fn names_of_with_are_local() {
        assert_eq!(read("WITH a AS (SELECT * FROM t) SELECT * FROM a JOIN A b ON true"), "t");
        assert_eq!(
            read("WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a) SELECT * FROM b WHERE x IN (SELECT x FROM a)"),
            "t"
        );
    }

    #[test]
    fn a_with_query_does_not_see_itself_or_later_ones() {
        assert_eq!(read("WITH a AS (SELECT * FROM a) SELECT * FROM a"), "a");
        assert_eq!(read("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM t) SELECT * FROM a, b"), "b t");
        assert_eq!(read("WITH a AS (SELECT * FROM (SELECT * FROM t) x JOIN a ON true) SELECT 1"), "t a");
        assert_eq!(read("WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a"), "");
    }

    #[test]
    fn names_of_with_end_with_their_query() {
        assert_eq!(read("SELECT * FROM (WITH a AS (SELECT * FROM t) SELECT * FROM a) x JOIN a ON true"), "t a");
    }
}
