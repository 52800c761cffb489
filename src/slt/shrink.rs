//! Makes a failing case smaller: fewer epochs first, then fewer rows, then fewer definitions.
//!
//! Greedy: whatever can go while the case still fails goes. Every trial runs the case once; `TRIALS_MAX` bounds them.

use super::case::{Case, Item};
/// Trials of one failure.
const TRIALS_MAX: usize = 400;

/// A case that fails, and how.
pub(super) struct Smallest {
    pub case: Case,
    pub failure: String,
}

/// The smallest case found; None if the case as given does not fail.
pub(super) fn smallest(case: Case, fails: impl Fn(&Case) -> Option<String>) -> Option<Smallest> {
    let failure = fails(&case)?;
    let mut shrinking = Shrinking { smallest: Smallest { case, failure }, fails, trials: TRIALS_MAX };
    shrinking.drop_each(|item| matches!(item, Item::Restart(_)));
    shrinking.merge();
    shrinking.drop_rows();
    shrinking.merge();
    shrinking.drop_each(|item| matches!(item, Item::Epoch(events) if events.is_empty()));
    shrinking.drop_definitions();
    Some(shrinking.smallest)
}

struct Shrinking<F> {
    smallest: Smallest,
    fails: F,
    trials: usize,
}

impl<F: Fn(&Case) -> Option<String>> Shrinking<F> {
    /// Takes the items if they still fail.
    fn accepts(&mut self, items: Vec<Item>) -> bool {
        if self.trials == 0 {
            return false;
        }
        self.trials -= 1;
        let case = Case { items, ..self.smallest.case.clone() };
        match (self.fails)(&case) {
            Some(failure) => {
                self.smallest = Smallest { case, failure };
                true
            }
            None => false,
        }
    }

    fn items(&self) -> Vec<Item> {
        self.smallest.case.items.clone()
    }

    fn drop_each(&mut self, droppable: impl Fn(&Item) -> bool) {
        let mut at = self.smallest.case.items.len();
        while at > 0 {
            at -= 1;
            let mut items = self.items();
            if droppable(&items[at]) {
                items.remove(at);
                self.accepts(items);
            }
        }
    }

    /// Two epochs that follow each other become one.
    fn merge(&mut self) {
        let mut at = 1;
        while at < self.smallest.case.items.len() {
            let mut items = self.items();
            if let (Item::Epoch(before), Item::Epoch(after)) = (&items[at - 1], &items[at]) {
                let merged = before.iter().chain(after).cloned().collect();
                items[at - 1] = Item::Epoch(merged);
                items.remove(at);
                if self.accepts(items) {
                    continue;
                }
            }
            at += 1;
        }
    }

    /// Halves of all rows go, then quarters, then single rows.
    fn drop_rows(&mut self) {
        let mut size = self.smallest.case.size().1.div_ceil(2);
        while size > 0 {
            let mut start = 0;
            while start < self.smallest.case.size().1 && self.trials > 0 {
                let items = without_rows(self.items(), start..start + size);
                if !self.accepts(items) {
                    start += size;
                }
            }
            size /= 2;
        }
    }

    fn drop_definitions(&mut self) {
        let mut at = self.smallest.case.items.len();
        while at > 0 {
            at -= 1;
            let Item::Define(definitions) = &self.smallest.case.items[at] else { continue };
            // A view before what it reads.
            for number in (0..definitions.len()).rev() {
                let mut items = self.items();
                if let Item::Define(definitions) = &mut items[at] {
                    definitions.remove(number);
                }
                self.accepts(items);
            }
        }
        let is_empty = |item: &Item| matches!(item, Item::Define(definitions) if definitions.is_empty());
        self.smallest.case.items.retain(|item| !is_empty(item));
    }
}

/// The items without rows number `gone`, counted over all epochs.
fn without_rows(mut items: Vec<Item>, gone: std::ops::Range<usize>) -> Vec<Item> {
    let mut number = 0;
    for item in &mut items {
        if let Item::Epoch(events) = item {
            events.retain(|_| {
                number += 1;
                !gone.contains(&(number - 1))
            });
        }
    }
    items.retain(|item| !matches!(item, Item::Epoch(events) if events.is_empty()));
    items
}

#[cfg(test)]
mod tests {
    use super::super::dml;
    use super::super::events::Event;
    use super::super::session::Session;
    use super::super::table_copy::TableCopy;
    use super::*;
    use crate::catalog::{Definition, SourceFile, parse_definitions};
    use std::sync::Arc;

    const SQL: &str = "CREATE TABLE t (k VARCHAR NOT NULL, v BIGINT);
        CREATE MATERIALIZED VIEW s AS SELECT k, SUM(v) AS v FROM t GROUP BY k;
        CREATE MATERIALIZED VIEW newest AS SELECT k, v
        FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS n FROM t) x WHERE n = 1";

    /// The definitions, and the events of these statements, an epoch each.
    fn case(statements: &[&str], session: &Session) -> Case {
        let definitions = parse_definitions(&SourceFile::new("test", SQL)).expect("definitions");
        let mut tables = dml::with_clock(0).expect("a clock");
        for definition in &definitions {
            if let Definition::Table(table) = definition {
                tables.insert(table.name.clone(), TableCopy::new(Arc::new(table.clone())));
            }
        }
        let mut items = vec![Item::Define(definitions)];
        for sql in statements {
            let statement = dml::parse(sql).expect("SQL").expect("a change");
            items.push(Item::Epoch(dml::run(&statement, &mut tables, session).expect("events")));
        }
        Case { items, ..Case::default() }
    }

    #[test]
    fn what_is_not_to_blame_goes() {
        let session = Session::new().expect("a session");
        // Nothing says that rows of this table may be taken out, so the view stops.
        let case = case(
            &[
                "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
                "INSERT INTO t VALUES ('d', 4)",
                "DELETE FROM t WHERE k = 'b'",
                "INSERT INTO t VALUES ('e', 5)",
            ],
            &session,
        );
        let Smallest { case, failure } = smallest(case, |case| case.fails(&session)).expect("it fails");
        assert!(failure.starts_with("view newest stopped: "), "{failure}");
        assert_eq!(case.size(), (1, 2));
        let text = case.render();
        assert!(text.contains("epoch 1\n    + t: b | 2\n    - t: b | 2"), "{text}");
        assert!(text.contains("CREATE TABLE t") && !text.contains("VIEW s"), "{text}");
    }

    #[test]
    fn a_case_without_fault_does_not_fail() {
        let session = Session::new().expect("a session");
        let mut case = case(&["INSERT INTO t VALUES ('a', 1), ('b', 2)", "DELETE FROM t WHERE k = 'b'"], &session);
        case.retractable.insert("t".to_string());
        assert_eq!(case.fails(&session), None);
        // A row is taken out before it is there: no such run can be.
        case.items.swap(1, 2);
        assert_eq!(case.fails(&session), None);
    }

    #[test]
    fn a_cut_that_is_to_blame_stays() {
        let session = Session::new().expect("a session");
        let rows: Vec<String> = (0..9).map(|v| format!("INSERT INTO t VALUES ('k', {v}), ('l', {v})")).collect();
        let case = case(&rows.iter().map(String::as_str).collect::<Vec<_>>(), &session);
        let has = |events: &[Event], offset: i64| {
            let offsets = events.iter().filter_map(|event| event.row.column_by_name("_offset"));
            offsets.map(|o| format!("{o:?}")).any(|text| text.contains(&format!("  {offset},")))
        };
        // Wrong if the rows at offsets 5 and 12 are there in different epochs.
        let fails = |case: &Case| {
            let epochs: Vec<&Vec<Event>> =
                case.items.iter().filter_map(|i| if let Item::Epoch(e) = i { Some(e) } else { None }).collect();
            let at = |offset| epochs.iter().position(|events| has(events, offset));
            (at(5).is_some() && at(12).is_some() && at(5) != at(12)).then(|| "wrong".to_string())
        };
        let found = smallest(case, fails).expect("it fails");
        assert_eq!(found.case.size(), (2, 2));
    }
}
