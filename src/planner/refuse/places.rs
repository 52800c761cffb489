//! Where in the text something stands that an error names without a place.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, JoinConstraint, JoinOperator as J, Select, SelectItem, SetExpr, Spanned, Visit,
    Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::catalog::View;

/// The expressions of a query that `pick` picks, those of subqueries too.
struct Found<F> {
    pick: F,
    spans: Vec<Span>,
}

impl<F: FnMut(&Expr) -> Option<Span>> Visitor for Found<F> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.spans.extend((self.pick)(expr));
        ControlFlow::Continue(())
    }
}

/// The one expression that is meant, or the query if there are several.
fn only(view: &View, pick: impl FnMut(&Expr) -> Option<Span>) -> Span {
    let mut found = Found { pick, spans: vec![] };
    let _ = view.query.visit(&mut found);
    match found.spans.as_slice() {
        [span] => *span,
        _ => view.query.span(),
    }
}

/// The call of a function.
pub fn function(view: &View, name: &str) -> Span {
    only(view, |expr| match expr {
        Expr::Function(function) if function_name(function) == name => Some(expr.span()),
        _ => None,
    })
}

/// The subquery in an expression.
pub fn subquery(view: &View) -> Span {
    only(view, |expr| match expr {
        Expr::Subquery(query) | Expr::Exists { subquery: query, .. } | Expr::InSubquery { subquery: query, .. } => {
            Some(query.span())
        }
        _ => None,
    })
}

/// What `pick` gives of the selects, if it is one.
pub fn clause(view: &View, pick: impl Fn(&Select) -> Option<Span>) -> Span {
    struct Clauses<F>(F, Vec<Span>);
    impl<F: Fn(&Select) -> Option<Span>> Visitor for Clauses<F> {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.1.extend((self.0)(select));
            ControlFlow::Continue(())
        }
    }
    let mut clauses = Clauses(pick, vec![]);
    let _ = view.query.visit(&mut clauses);
    match clauses.1.as_slice() {
        [span] => *span,
        _ => view.query.span(),
    }
}

/// Where the query writes its column `c`, if each of its items is one column.
pub fn column(view: &View, c: usize) -> Span {
    if let SetExpr::Select(select) = &*view.query.body {
        let plain = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
        if let Some(item) = select.projection.get(c).filter(|_| select.projection.iter().all(plain)) {
            return item.span();
        }
    }
    view.query.span()
}

/// The name of a function as it is looked up.
pub fn function_name(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// The join without an equality in its condition.
pub fn unequal_join(view: &View) -> Span {
    clause(view, |select| {
        let mut joins = select.from.iter().flat_map(|from| &from.joins);
        let unequal = joins.find(|join| match &join.join_operator {
            J::CrossJoin(_) => true,
            J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) => is_unequal(c),
            J::FullOuter(c) => is_unequal(c),
            _ => false,
        });
        let listed = select.from.get(1).map(|from| from.relation.span());
        unequal.map(|join| join.relation.span()).or(listed)
    })
}

fn is_unequal(constraint: &JoinConstraint) -> bool {
    struct Equal;
    impl Visitor for Equal {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::BinaryOp { op: BinaryOperator::Eq, .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match constraint {
        JoinConstraint::On(on) => on.visit(&mut Equal).is_continue(),
        JoinConstraint::None => true,
        JoinConstraint::Using(_) | JoinConstraint::Natural => false,
    }
}
