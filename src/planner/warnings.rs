//! What the analyst should know of a view that is maintained all the same.
//!
//! ```sql
//! SELECT k FROM t LIMIT 3                 -- which three? the first in order of all columns
//! SELECT ARRAY_AGG(k) FROM t              -- in which order? that of all columns
//! SELECT MEDIAN(d) FROM t                 -- of decimals: the mean of the two in the middle is cut to their digits
//! SELECT ... FROM t JOIN u ON t.v > u.w   -- each change of one side meets all rows of the other
//! SELECT RANK() OVER (ORDER BY x) FROM t  -- 0.0 and -0.0 are no peers
//! ```

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Function, FunctionArgumentClause, FunctionArguments, LimitClause, Query, Spanned, Visit, Visitor,
    WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::plan::{Op, Plan};
use super::{money, refuse, two_zeros};
use crate::catalog::View;
use crate::error::{Diagnostic, ErrorKind};

/// Functions whose value depends on the order of rows.
const ORDERED: [&str; 5] = ["array_agg", "string_agg", "first_value", "last_value", "nth_value"];

/// All warnings of a view. `resolved`: its plan as it is written; `canonical`: as it is maintained.
pub fn warnings(view: &View, resolved: &LogicalPlan, canonical: &LogicalPlan, plan: &Plan) -> Vec<Diagnostic> {
    let mut found = Found { view, warnings: money::warnings(view, canonical) };
    let _ = view.query.visit(&mut found);
    found.medians(resolved);
    if meets_all(plan, &mut HashSet::new()) {
        let message = "a join without an equality: each change of one side meets all rows of the other";
        found.warn(refuse::unequal_join_place(view), message, "add an equality, such as a.k = b.k, to its condition");
    }
    if let Some(place) = two_zeros::place(resolved) {
        let message = format!("0.0 and -0.0 of a DOUBLE are two values in {place}, and one in =");
        found.warn(refuse::window_place(view), &message, "if -0.0 may come, write x + 0.0 in the place of x");
    }
    found.warnings
}

struct Found<'a> {
    view: &'a View,
    warnings: Vec<Diagnostic>,
}

impl Found<'_> {
    fn warn(&mut self, span: Span, message: &str, hint: &str) {
        let mut warning = self.view.source.diagnostic(ErrorKind::Refused, span, message);
        warning.hint = Some(hint.to_string());
        self.warnings.push(warning);
    }

    fn medians(&mut self, resolved: &LogicalPlan) {
        let mut truncated = false;
        // A plan that cannot be walked is not an error of the analyst.
        let _ = resolved.apply_with_subqueries(|node| {
            let mut schema = DFSchema::empty();
            node.inputs().iter().for_each(|input| schema.merge(input.schema()));
            node.apply_expressions(|expr| {
                expr.apply(|e| {
                    let (name, args) = match e {
                        Expr::AggregateFunction(f) => (f.func.name(), &f.params.args),
                        Expr::WindowFunction(f) => (f.fun.name(), &f.params.args),
                        _ => return Ok(TreeNodeRecursion::Continue),
                    };
                    let of = args.first().and_then(|arg| arg.get_type(&schema).ok());
                    truncated |= name == "median" && of.is_some_and(|t| t.is_decimal());
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        });
        if truncated {
            let message = "MEDIAN of decimals has their type: the mean of two is cut to their digits";
            let hint = "cast the argument: MEDIAN(CAST(x AS DOUBLE))";
            self.warn(refuse::function_place(self.view, "median"), message, hint);
        }
    }
}

impl Visitor for Found<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let limit = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                limit.as_ref().or(offset.as_ref().map(|offset| &offset.value))
            }
            Some(LimitClause::OffsetCommaLimit { limit, .. }) => Some(limit),
            None => None,
        };
        if let (Some(limit), None) = (limit, &query.order_by) {
            let message = "LIMIT without ORDER BY: the rows are taken in order of all columns";
            self.warn(limit.span(), message, "say which rows are meant: ORDER BY ... LIMIT");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &SqlExpr) -> ControlFlow<()> {
        if let SqlExpr::Function(function) = expr
            && ORDERED.contains(&function.name.to_string().to_lowercase().as_str())
            && !is_ordered(function)
        {
            let name = function.name.to_string().to_uppercase();
            let message = format!("{name} without ORDER BY: the rows are taken in order of all columns");
            let hint = match function.over {
                Some(_) => format!("say in which order: {name}(...) OVER (... ORDER BY ...)"),
                None => format!("say in which order: {name}(... ORDER BY ...)"),
            };
            self.warn(expr.span(), &message, &hint);
        }
        ControlFlow::Continue(())
    }
}

fn is_ordered(function: &Function) -> bool {
    let listed = match &function.args {
        FunctionArguments::List(list) => {
            list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)))
        }
        _ => false,
    };
    listed
        || !function.within_group.is_empty()
        || match &function.over {
            Some(WindowType::WindowSpec(window)) => !window.order_by.is_empty(),
            // What the named window says is not looked up.
            Some(WindowType::NamedWindow(_)) => true,
            None => false,
        }
}

/// Whether a plan has a join on no columns of which neither side is one row.
fn meets_all(plan: &Plan, seen: &mut HashSet<*const Plan>) -> bool {
    if !seen.insert(plan) {
        return false;
    }
    let one_row = |plan: &Plan| plan.key.as_ref().is_some_and(Vec::is_empty);
    let is_such = matches!(&plan.op, Op::Join(join)
        if join.on.is_empty() && !one_row(&join.left) && !one_row(&join.right));
    is_such || plan.inputs().into_iter().any(|input| meets_all(input, seen))
}
