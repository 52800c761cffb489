//! What is refused by looking at the text of a query alone.

use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, Expr, Join, JoinConstraint, JoinOperator, LimitClause, Query, Select, SetExpr,
    SetOperator, Spanned, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::clauses;
use crate::catalog::View;
use crate::error::{Diagnostic, Error, ErrorKind, Result};

/// Refuses what has no operator or means nothing, all of it at once, each at its place.
pub fn check(view: &View, state: &SessionState) -> Result<()> {
    let mut finder = Finder { view, state, found: vec![], depth: 0 };
    let _ = view.query.visit(&mut finder);
    if finder.found.is_empty() { Ok(()) } else { Err(Error::from_diagnostics(finder.found)) }
}

/// What was found so far.
pub(super) struct Finder<'a> {
    pub view: &'a View,
    pub state: &'a SessionState,
    found: Vec<Diagnostic>,
    /// Queries around this place; the view's own has 1.
    pub depth: usize,
}

impl Finder<'_> {
    /// SQL that is not maintained.
    pub fn refuse(&mut self, span: Span, message: &str, hint: &str) {
        self.note(ErrorKind::Refused, span, message, hint);
    }

    /// SQL that is wrong.
    pub fn invalid(&mut self, span: Span, message: &str, hint: &str) {
        self.note(ErrorKind::Invalid, span, message, hint);
    }

    fn note(&mut self, kind: ErrorKind, span: Span, message: &str, hint: &str) {
        let span = if span == Span::empty() { self.view.query.span() } else { span };
        let mut diagnostic = self.view.source.diagnostic(kind, span, message);
        diagnostic.hint = Some(hint.to_string());
        self.found.push(diagnostic);
    }

    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::SetOperation { op: SetOperator::Minus, right, .. } => {
                self.refuse(right.span(), "MINUS is not maintained", "write EXCEPT");
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                self.invalid(body.span(), "a view changes nothing: its query is a SELECT", "write SELECT ...");
            }
            SetExpr::Table(_) => self.refuse(body.span(), "TABLE is not maintained", "write SELECT * FROM it"),
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {}
        }
    }

    /// ORDER BY and LIMIT of a query.
    fn order(&mut self, query: &Query) {
        if let Some(fetch) = &query.fetch {
            self.refuse(fetch.span(), "FETCH FIRST is not maintained", "write LIMIT");
        }
        let distinct_on = matches!(query.body.as_ref(), SetExpr::Select(select)
            if matches!(select.distinct, Some(Distinct::On(_))));
        let limited = query.fetch.is_some() || query.limit_clause.is_some() || distinct_on;
        if let Some(order) = query.order_by.as_ref().filter(|_| self.depth == 1 && !limited) {
            let hint = "leave the order to the reader, or add a LIMIT";
            self.refuse(order.span(), "a view has no order: ORDER BY needs a LIMIT", hint);
        }
        let numbers: Vec<&Expr> = match &query.limit_clause {
            None => vec![],
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if let Some(by) = limit_by.first() {
                    let hint = "number the rows: QUALIFY ROW_NUMBER() OVER (PARTITION BY ...) <= n";
                    self.refuse(by.span(), "LIMIT BY is not maintained", hint);
                }
                limit.iter().chain(offset.as_ref().map(|offset| &offset.value)).collect()
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => vec![offset, limit],
        };
        for number in numbers.into_iter().filter(|number| !is_count(number)) {
            self.refuse(number.span(), "LIMIT and OFFSET take a number", "write the number itself, such as LIMIT 10");
        }
    }

    fn with(&mut self, query: &Query) {
        let Some(with) = &query.with else { return };
        if with.recursive {
            let hint = "a fixed number of steps can be written as joins, one a step";
            self.refuse(with.with_token.0.span, "recursive queries are not maintained", hint);
        }
        for (i, table) in with.cte_tables.iter().enumerate() {
            if with.cte_tables[..i].iter().any(|before| before.alias.name == table.alias.name) {
                let message = format!("two queries of WITH are named {}", table.alias.name);
                self.invalid(table.alias.name.span, &message, "give one another name");
            }
        }
    }

    fn join(&mut self, join: &Join) {
        use JoinOperator as J;
        let place = join.relation.span();
        let (outer, constraint) = match &join.join_operator {
            J::CrossApply | J::OuterApply => {
                let hint = "write it as a join on the columns that it compares";
                return self.refuse(place, "APPLY is not maintained", hint);
            }
            J::AsOf { .. } => {
                let hint = "join on the equal columns, and keep the newest row by QUALIFY ROW_NUMBER() OVER (...) = 1";
                return self.refuse(place, "ASOF JOIN is not maintained", hint);
            }
            J::ArrayJoin | J::LeftArrayJoin | J::InnerArrayJoin => {
                return self.refuse(place, "ARRAY JOIN is not maintained", "write UNNEST(...) in the SELECT");
            }
            J::CrossJoin(_) | J::StraightJoin(_) => return,
            J::Join(c) | J::Inner(c) => (false, c),
            J::Right(c) | J::RightOuter(c) | J::FullOuter(c) => {
                // DataFusion gives the left side's column alone where SQL wants the one that is not NULL.
                if matches!(c, JoinConstraint::Using(_) | JoinConstraint::Natural) {
                    let message = "USING and NATURAL of a RIGHT or FULL join are not maintained";
                    let hint = "write ON a.k = b.k, and COALESCE(a.k, b.k) AS k where the key is shown";
                    self.refuse(place, message, hint);
                }
                (true, c)
            }
            J::Left(c) | J::LeftOuter(c) | J::Semi(c) | J::LeftSemi(c) | J::RightSemi(c) => (true, c),
            J::Anti(c) | J::LeftAnti(c) | J::RightAnti(c) => (true, c),
        };
        match constraint {
            JoinConstraint::None if outer => {
                self.invalid(place, "this join has no condition", "write ON a.k = b.k, or CROSS JOIN");
            }
            JoinConstraint::On(on) => clauses::on(self, on, outer),
            _ => {}
        }
    }

    /// Clauses of a SELECT that have no operator.
    fn dialects(&mut self, select: &Select) {
        if let Some(into) = &select.into {
            self.refuse(into.span(), "SELECT INTO is not maintained", "leave INTO out: the view is where the rows go");
        }
        if let Some(top) = &select.top {
            let place = select.projection.first().map_or(Span::empty(), Spanned::span);
            let _ = top;
            self.refuse(place, "TOP is not maintained", "write ORDER BY ... LIMIT at the end");
        }
        if let Some(view) = select.lateral_views.first() {
            self.refuse(view.lateral_view.span(), "LATERAL VIEW is not maintained", "write UNNEST(...) in the SELECT");
        }
        let orders = [("CLUSTER BY", select.cluster_by.first()), ("DISTRIBUTE BY", select.distribute_by.first())];
        let sort = select.sort_by.first().map(|sort| &sort.expr);
        for (name, at) in orders.into_iter().chain([("SORT BY", sort)]) {
            if let Some(expr) = at {
                let hint = "leave it out: a view has no order";
                self.refuse(expr.span(), &format!("{name} is not maintained"), hint);
            }
        }
    }
}

/// A number of rows, or NULL for all.
fn is_count(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.to_string().parse::<i64>().is_ok(),
            _ => false,
        },
        _ => false,
    }
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        self.order(query);
        self.with(query);
        self.body(&query.body);
        clauses::order_by(self, query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.dialects(select);
        for join in select.from.iter().flat_map(|table| &table.joins) {
            self.join(join);
        }
        clauses::select(self, select);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => clauses::function(self, function, expr.span()),
            Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => {
                if let Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor, .. } =
                    **right
                {
                    let message = "IS DISTINCT FROM takes everything to its right, AND and OR included";
                    self.refuse(expr.span(), message, "write parentheses: (a IS DISTINCT FROM b) AND c");
                }
            }
            Expr::SimilarTo { .. } => {
                let message = "SIMILAR TO is not maintained";
                self.refuse(expr.span(), message, "write LIKE, or ~ with a regular expression");
            }
            Expr::RLike { .. } => {
                self.refuse(expr.span(), "RLIKE and REGEXP are not maintained", "write ~ with a regular expression");
            }
            Expr::Collate { .. } => {
                let hint = "leave it out: text is compared by its bytes; lower(...) takes case away";
                self.refuse(expr.span(), "COLLATE is not maintained", hint);
            }
            Expr::InSubquery { expr: tuple, .. } if matches!(**tuple, Expr::Tuple(_)) => {
                let hint = "write EXISTS (SELECT 1 FROM ... WHERE x = a AND y = b)";
                self.refuse(tuple.span(), "(a, b) IN (SELECT ...) is not maintained", hint);
            }
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                let hint = "write the value itself, or keep it in a table and join that";
                self.invalid(value.span, &format!("a view has no parameters: {value}"), hint);
            }
            Expr::Identifier(name) if name.quote_style.is_none() && name.value.starts_with('@') => {
                let hint = "write the value itself, or keep it in a table and join that";
                self.invalid(name.span, &format!("a view has no variables: {name}"), hint);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let (message, hint) = match factor {
            TableFactor::Table { args: None, .. } | TableFactor::Derived { lateral: false, .. } => {
                return ControlFlow::Continue(());
            }
            TableFactor::NestedJoin { .. } | TableFactor::UNNEST { .. } => return ControlFlow::Continue(()),
            TableFactor::Derived { .. } => (
                "LATERAL is not maintained",
                "write it as a join on the columns that it compares; for a LIMIT in it, number the rows with \
                 ROW_NUMBER() OVER (PARTITION BY ...)",
            ),
            TableFactor::Pivot { .. } => {
                ("PIVOT is not maintained", "write SUM(x) FILTER (WHERE k = 'a') AS a, ... and GROUP BY the rest")
            }
            TableFactor::Unpivot { .. } => {
                ("UNPIVOT is not maintained", "write one SELECT for each column, put together by UNION ALL")
            }
            TableFactor::MatchRecognize { .. } => {
                ("MATCH_RECOGNIZE is not maintained", "compare rows by LAG(...) and LEAD(...) OVER (PARTITION BY ...)")
            }
            _ => ("table functions are not maintained", "read a table or a view, or write (VALUES ...) or UNNEST(...)"),
        };
        self.refuse(factor.span(), message, hint);
        ControlFlow::Continue(())
    }
}
