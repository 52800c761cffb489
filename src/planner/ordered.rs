//! `canonical()` of everything that depends on an order: windows, LIMIT, DISTINCT ON, ORDER BY.
//!
//! ```sql
//! SELECT ... ORDER BY v LIMIT 3 OFFSET 2      -- row_number() OVER (ORDER BY v, all columns) between 3 and 5
//! SELECT DISTINCT ON (k) ... ORDER BY k, v    -- row_number() OVER (PARTITION BY k ORDER BY k, v, all columns) = 1
//! ```
//! Functions that count rows (ROW_NUMBER, NTILE, LAG, LEAD, every ROWS frame) get their ORDER BY completed with all
//! columns. Functions of peers (RANK, the default frame, RANGE, GROUPS) must not: it would change who is a peer. Where
//! their value depends on the order of peers all the same (FIRST_VALUE, STRING_AGG), a sort by all columns is put below
//! the window. A sort that nothing above depends on is dropped.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::generate_sort_key;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, ExprSchemable, FetchType, Filter, Limit, LogicalPlan, Projection, SkipType, Sort,
    Window, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, lit,
};

/// Name of the column that numbers the rows of LIMIT and DISTINCT ON.
const NUMBER: &str = "_row_number";
/// Names of computed columns to partition and order by, each with a number.
const KEY: &str = "_key";

/// The canonical form of one node whose inputs are canonical.
pub fn rewrite(node: LogicalPlan) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Window(window) => over_columns(window, ordered_window),
        LogicalPlan::Limit(limit) => numbered(&limit),
        LogicalPlan::Distinct(Distinct::On(distinct)) => first_of_each(distinct),
        other => Ok(other),
    }
}

/// The plan without the sorts that nothing depends on.
pub fn without_sorts(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = unsorted(plan);
    let plan = plan.transform_down_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = &node
            && sorted_input(window)?
        {
            return Ok(Transformed::no(node));
        }
        node.map_children(|child| {
            let sorted = matches!(child, LogicalPlan::Sort(_));
            let child = unsorted(child);
            Ok(if sorted { Transformed::yes(child) } else { Transformed::no(child) })
        })
    })?;
    Ok(plan.data)
}

fn unsorted(mut plan: LogicalPlan) -> LogicalPlan {
    while let LogicalPlan::Sort(Sort { input, fetch: None, .. }) = plan {
        plan = Arc::unwrap_or_clone(input);
    }
    plan
}

/// What a window function needs to have one value, whatever the order of arrival.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    /// It counts rows: its own ORDER BY must be total.
    TotalOrder,
    /// It counts peers, but looks into them one after the other.
    SortedInput,
}

fn ordered_window(window: Window) -> Result<LogicalPlan> {
    let mut needs = vec![];
    for expr in &window.window_expr {
        needs.push(need(&function_of(expr)?, window.input.schema())?);
    }
    if needs.iter().all(|need| *need == Need::Nothing) || sorted_input(&window)? {
        return Ok(LogicalPlan::Window(window));
    }
    if needs.iter().any(|need| *need != Need::TotalOrder) {
        let sort = Sort { expr: full_order(&window)?, input: window.input.clone(), fetch: None };
        return Ok(LogicalPlan::Window(Window { input: Arc::new(LogicalPlan::Sort(sort)), ..window }));
    }
    let input = window.input.clone();
    let node = LogicalPlan::Window(window);
    let names = NamePreserver::new_for_projection();
    let node = node.map_expressions(|expr| {
        let name = names.save(&expr);
        let mut function = function_of(&expr)?;
        let params = &mut function.params;
        let before = params.order_by.len();
        complete(&mut params.order_by, &params.partition_by, input.schema());
        if params.order_by.len() == before {
            return Ok(Transformed::no(expr));
        }
        Ok(Transformed::yes(name.restore(Expr::WindowFunction(Box::new(function)))))
    })?;
    node.data.recompute_schema()
}

/// PARTITION BY and ORDER BY over columns only: expressions are computed below the window. (DataFusion refuses its own
/// plans that sort by some of them: it derives another order for the sort than it asks for.)
fn over_columns(window: Window, order: impl Fn(Window) -> Result<LogicalPlan>) -> Result<LogicalPlan> {
    let mut keys: Vec<Expr> = vec![];
    let mut column = |expr: Expr| {
        let expr = expr.unalias();
        if matches!(expr, Expr::Column(_)) {
            return expr;
        }
        let at = keys.iter().position(|key| *key == expr).unwrap_or(keys.len());
        if at == keys.len() {
            keys.push(expr);
        }
        Expr::Column(Column::new_unqualified(format!("{KEY}{at}")))
    };
    let (names, mut functions) = (NamePreserver::new_for_projection(), vec![]);
    for expr in &window.window_expr {
        let mut function = function_of(expr)?;
        let params = &mut function.params;
        params.partition_by = std::mem::take(&mut params.partition_by).into_iter().map(&mut column).collect();
        for sort in &mut params.order_by {
            sort.expr = column(sort.expr.clone());
        }
        functions.push(names.save(expr).restore(Expr::WindowFunction(Box::new(function))));
    }
    if keys.is_empty() {
        return order(window);
    }
    let input = window.input.schema().columns().into_iter().map(Expr::Column);
    let keys = keys.into_iter().enumerate().map(|(at, key)| key.alias(format!("{KEY}{at}")));
    let input = Projection::try_new(input.chain(keys).collect(), window.input.clone())?;
    let keyed = order(Window::try_new(functions, Arc::new(LogicalPlan::Projection(input)))?)?;
    let columns = window.schema.columns().into_iter().map(Expr::Column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(keyed))?))
}

fn function_of(expr: &Expr) -> Result<WindowFunction> {
    match expr.clone().unalias_nested().data {
        Expr::WindowFunction(function) => Ok(*function),
        other => plan_err!("{other} is not a window function"),
    }
}

fn need(function: &WindowFunction, schema: &DFSchema) -> Result<Need> {
    let params = &function.params;
    let name = function.fun.name();
    if matches!(name, "row_number" | "ntile" | "lag" | "lead") {
        return Ok(Need::TotalOrder);
    }
    if matches!(name, "rank" | "dense_rank" | "percent_rank" | "cume_dist") {
        return Ok(Need::Nothing);
    }
    let frame = &params.window_frame;
    let whole = frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded();
    if frame.units == WindowFrameUnits::Rows && !whole {
        return Ok(Need::TotalOrder);
    }
    let exact = match name {
        "count" | "min" | "max" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor" => true,
        "sum" | "avg" => !params.args[0].get_type(schema)?.is_floating(),
        _ => false,
    };
    let aggregate = matches!(function.fun, WindowFunctionDefinition::AggregateUDF(_));
    Ok(if exact && aggregate { Need::Nothing } else { Need::SortedInput })
}

/// Partition, order, then all columns of the input.
fn full_order(window: &Window) -> Result<Vec<SortExpr>> {
    let first = function_of(&window.window_expr[0])?;
    let keys = generate_sort_key(&first.params.partition_by, &first.params.order_by)?;
    let mut order: Vec<SortExpr> = keys.into_iter().map(|(sort, _)| sort).collect();
    complete(&mut order, &[], unsorted_input(window).schema());
    Ok(order)
}

/// The input of a window below the sort that `ordered_window` may have put there.
fn unsorted_input(window: &Window) -> &LogicalPlan {
    match window.input.as_ref() {
        LogicalPlan::Sort(Sort { input, fetch: None, .. }) => input,
        input => input,
    }
}

/// Whether the sort that `ordered_window` makes is there.
pub fn sorted_input(window: &Window) -> Result<bool> {
    match window.input.as_ref() {
        LogicalPlan::Sort(sort) => Ok(sort.fetch.is_none() && sort.expr == full_order(window)?),
        _ => Ok(false),
    }
}

/// Adds to an order every column that is not there yet, metadata columns left out: ascending, NULL last, in the order
/// of the schema.
fn complete(order: &mut Vec<SortExpr>, partition: &[Expr], schema: &DFSchema) {
    for (qualifier, field) in schema.iter() {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let there = order.iter().any(|sort| sort.expr == column) || partition.contains(&column);
        if !there && !field.name().starts_with('_') {
            order.push(SortExpr::new(column, true, false));
        }
    }
}

/// A sort that the physical planner cannot weaken, as it does with one that nothing demands: rows in order of their
/// number.
pub fn sorted(sort: &Sort) -> Result<LogicalPlan> {
    between(sort.input.clone(), (vec![], sort.expr.clone()), (1, None))
}

/// The rows of `input` whose number, counted in each partition in this order, lies between two.
fn between(
    input: Arc<LogicalPlan>,
    (partition, mut order): (Vec<Expr>, Vec<SortExpr>),
    (from, to): (u64, Option<u64>),
) -> Result<LogicalPlan> {
    complete(&mut order, &partition, input.schema());
    let columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut function = WindowFunction::new(WindowFunctionDefinition::WindowUDF(row_number_udwf()), vec![]);
    function.params.partition_by = partition;
    function.params.order_by = order;
    function.params.window_frame = WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        WindowFrameBound::Preceding(datafusion::common::ScalarValue::UInt64(None)),
        WindowFrameBound::CurrentRow,
    );
    let number = Expr::WindowFunction(Box::new(function)).alias(NUMBER);
    let window = over_columns(Window::try_new(vec![number], input)?, |window| Ok(LogicalPlan::Window(window)))?;
    let number = || Expr::Column(Column::new_unqualified(NUMBER));
    let mut predicate = number().gt_eq(lit(from));
    if let Some(to) = to {
        predicate = predicate.and(number().lt_eq(lit(to)));
    }
    let rows = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(window))?);
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(rows))?))
}

/// LIMIT and OFFSET: the sort is at the input, or below a projection.
fn numbered(limit: &Limit) -> Result<LogicalPlan> {
    let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
        return plan_err!("LIMIT and OFFSET take a number");
    };
    let (skip, fetch) = (skip as u64, fetch.map(|fetch| fetch as u64));
    let range = (skip.saturating_add(1), fetch.map(|fetch| skip.saturating_add(fetch)));
    let (exprs, sort) = match limit.input.as_ref() {
        LogicalPlan::Projection(projection) => (Some(projection.expr.clone()), projection.input.as_ref()),
        other => (None, other),
    };
    let (exprs, input, order) = match sort {
        LogicalPlan::Sort(Sort { expr, input, fetch: None }) => (exprs, input.clone(), expr.clone()),
        _ => (None, limit.input.clone(), vec![]),
    };
    let exprs = exprs.unwrap_or_else(|| input.schema().columns().into_iter().map(Expr::Column).collect());
    let rows = between(input, (vec![], order), range)?;
    let schema = limit.input.schema().clone();
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(exprs, Arc::new(rows), schema)?))
}

/// DISTINCT ON. The order of its groups is kept for a LIMIT above.
fn first_of_each(distinct: DistinctOn) -> Result<LogicalPlan> {
    let DistinctOn { on_expr, select_expr, sort_expr, input, schema } = distinct;
    let order = sort_expr.unwrap_or_default();
    let groups: Vec<SortExpr> = order.iter().take(on_expr.len()).cloned().collect();
    let mut rows = between(input, (on_expr, order), (1, Some(1)))?;
    if !groups.is_empty() {
        rows = LogicalPlan::Sort(Sort { expr: groups, input: Arc::new(rows), fetch: None });
    }
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(select_expr, Arc::new(rows), schema)?))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::col;

    use super::*;

    #[test]
    fn an_order_is_completed_once_and_without_metadata() {
        let fields = ["k", "v", "w", "_offset"].map(|name| Field::new(name, DataType::Int64, true));
        let schema = DFSchema::try_from(Schema::new(fields.to_vec())).expect("names are unique");
        let mut order = vec![SortExpr::new(col("v"), false, true)];
        for _ in 0..2 {
            complete(&mut order, &[col("k")], &schema);
            assert_eq!(order, [SortExpr::new(col("v"), false, true), SortExpr::new(col("w"), true, false)]);
        }
    }
}
