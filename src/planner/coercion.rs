//! Types of what is written side by side, where DataFusion's own choice changes values.
//!
//! ```text
//! DECIMAL beside DOUBLE      DOUBLE. DataFusion: DECIMAL(30,15), in which 1e-16 is 0 and 1e16 has no place
//! TIMESTAMP, DATE beside it  microseconds. DataFusion: nanoseconds, which end in 2262
//! ts - ts < INTERVAL ...     both are lengths of time. DataFusion compares months, then days, then the rest
//! ```
//! Run before DataFusion's coercion, which then finds nothing left to choose. A month counts as 30 days and a day as 24
//! hours where intervals are compared, as PostgreSQL has it.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, DurationMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, not_impl_err};
use datafusion::logical_expr::expr::{Between, Case, InList, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Union, Values, Volatility,
};

use super::canonical::merged_input_schema;
use super::one_zero::one_zero;

/// Functions whose arguments are of one type.
const OF_ONE_TYPE: [&str; 8] = ["coalesce", "nvl", "ifnull", "nvl2", "nullif", "greatest", "least", "make_array"];

/// The plan with these choices made. Errors: MIN or MAX of an INTERVAL.
pub fn coerced(plan: LogicalPlan) -> Result<LogicalPlan> {
    let coerced = plan.transform_up_with_subqueries(|node| {
        let schema = merged_input_schema(&node)?;
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|e| rewritten(e, &schema))?;
            Ok(expr.update_data(|e| name.restore(e)))
        })?;
        node.map_data(of_one_type_each)
    })?;
    Ok(coerced.data)
}

fn rewritten(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(mut cast) => {
            let changed = to_microseconds(&mut cast.field);
            Ok(told(Expr::Cast(cast), changed))
        }
        Expr::TryCast(mut cast) => {
            let changed = to_microseconds(&mut cast.field);
            Ok(told(Expr::TryCast(cast), changed))
        }
        Expr::Literal(ScalarValue::TimestampNanosecond(ns, zone), m) if ns.is_none_or(|ns| ns % 1_000 == 0) => {
            let literal = ScalarValue::TimestampMicrosecond(ns.map(|ns| ns / 1_000), zone);
            Ok(Transformed::yes(Expr::Literal(literal, m)))
        }
        Expr::BinaryExpr(BinaryExpr { mut left, op, mut right }) => {
            let sides = &mut [left.as_mut(), right.as_mut()];
            let changed = (op.is_numerical_operators() || is_comparison(op)) && of_one_type(sides, schema)?;
            let changed = is_comparison(op) && as_lengths(sides, schema)? || changed;
            Ok(told(Expr::BinaryExpr(BinaryExpr { left, op, right }), changed))
        }
        Expr::Between(Between { mut expr, negated, mut low, mut high }) => {
            let sides = &mut [expr.as_mut(), low.as_mut(), high.as_mut()];
            let changed = of_one_type(sides, schema)? | as_lengths(sides, schema)?;
            Ok(told(Expr::Between(Between { expr, negated, low, high }), changed))
        }
        Expr::InList(InList { mut expr, mut list, negated }) => {
            let mut sides: Vec<&mut Expr> = std::iter::once(expr.as_mut()).chain(&mut list).collect();
            let changed = of_one_type(&mut sides, schema)? | as_lengths(&mut sides, schema)?;
            let changed = with_one_zero(&mut sides, schema)? || changed;
            Ok(told(Expr::InList(InList { expr, list, negated }), changed))
        }
        Expr::InSubquery(mut asked) => {
            let of = asked.subquery.subquery.schema().field(0).data_type().clone();
            let Some(to) = common(&[asked.expr.get_type(schema)?, of]) else {
                return Ok(Transformed::no(Expr::InSubquery(asked)));
            };
            *asked.expr = asked.expr.cast_to(&to, schema)?;
            asked.subquery.subquery = Arc::new(with_types(&asked.subquery.subquery, &[Some(to)])?);
            Ok(Transformed::yes(Expr::InSubquery(asked)))
        }
        Expr::Case(case) => case_of_one_type(case, schema),
        Expr::AggregateFunction(f)
            if ["min", "max"].contains(&f.func.name()) && is_interval(&f.params.args, schema) =>
        {
            not_impl_err!("MIN and MAX of an INTERVAL")
        }
        Expr::WindowFunction(mut function) => {
            let mut changed = false;
            for key in &mut function.params.order_by {
                changed |= by_length(&mut key.expr, schema)?;
            }
            Ok(told(Expr::WindowFunction(function), changed))
        }
        Expr::ScalarFunction(function) if OF_ONE_TYPE.contains(&function.func.name()) => {
            arguments_of_one_type(function, schema)
        }
        // DataFusion knows DATE_BIN of microseconds with an origin of nanoseconds only, else both become nanoseconds.
        Expr::ScalarFunction(ScalarFunction { func, mut args }) if func.name() == "date_bin" && args.len() == 3 => {
            let DataType::Timestamp(TimeUnit::Microsecond, zone) = args[2].get_type(schema)? else {
                return Ok(Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })));
            };
            let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, zone);
            args[2] = args[2].clone().cast_to(&nanoseconds, schema)?;
            Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn told(expr: Expr, changed: bool) -> Transformed<Expr> {
    if changed { Transformed::yes(expr) } else { Transformed::no(expr) }
}

fn arguments_of_one_type(mut function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let name = function.func.name();
    let first = usize::from(name == "nvl2");
    let mut sides: Vec<&mut Expr> = function.args.iter_mut().skip(first).collect();
    let mut changed = of_one_type(&mut sides, schema)?;
    if name == "nullif" {
        changed |= with_one_zero(&mut sides, schema)?;
    }
    Ok(told(Expr::ScalarFunction(function), changed))
}

fn case_of_one_type(mut case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = false;
    if let Some(operand) = &mut case.expr {
        let whens = case.when_then_expr.iter_mut().map(|(when, _)| when.as_mut());
        let mut sides: Vec<&mut Expr> = std::iter::once(operand.as_mut()).chain(whens).collect();
        changed = of_one_type(&mut sides, schema)? | as_lengths(&mut sides, schema)?;
    }
    let thens = case.when_then_expr.iter_mut().map(|(_, then)| then.as_mut());
    let mut results: Vec<&mut Expr> = thens.chain(case.else_expr.iter_mut().map(|e| e.as_mut())).collect();
    changed |= of_one_type(&mut results, schema)?;
    Ok(told(Expr::Case(case), changed))
}

/// Branches of a UNION, keys of a join, columns of VALUES; and schemas brought up to date.
fn of_one_type_each(node: LogicalPlan) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Union(union) => {
            let columns = union.inputs.iter().map(|input| input.schema().fields().len()).min().unwrap_or(0);
            let of =
                |c: usize| union.inputs.iter().map(|i| i.schema().field(c).data_type().clone()).collect::<Vec<_>>();
            let types: Vec<Option<DataType>> = (0..columns).map(|c| common(&of(c))).collect();
            let inputs = union.inputs.iter().map(|input| Ok(Arc::new(with_types(input, &types)?)));
            let inputs = inputs.collect::<Result<Vec<_>>>()?;
            Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?))
        }
        LogicalPlan::Values(Values { mut values, .. }) if !values.is_empty() => {
            for c in 0..values[0].len() {
                let mut column: Vec<&mut Expr> = values.iter_mut().filter_map(|row| row.get_mut(c)).collect();
                without_casts_of_doubles(&mut column)?;
                of_one_type(&mut column, &DFSchema::empty())?;
            }
            LogicalPlanBuilder::values(values)?.build()
        }
        LogicalPlan::Sort(mut sort) => {
            for key in &mut sort.expr {
                by_length(&mut key.expr, sort.input.schema())?;
            }
            Ok(LogicalPlan::Sort(sort))
        }
        LogicalPlan::Join(mut join) => {
            for (left, right) in &mut join.on {
                let types = [left.get_type(join.left.schema())?, right.get_type(join.right.schema())?];
                if let Some(to) = common(&types) {
                    *left = left.clone().cast_to(&to, join.left.schema())?;
                    *right = right.clone().cast_to(&to, join.right.schema())?;
                }
            }
            LogicalPlan::Join(join).recompute_schema()
        }
        other => other.recompute_schema(),
    }
}

/// Takes back the casts that DataFusion gave a column of VALUES of doubles and decimals as it was parsed.
fn without_casts_of_doubles(column: &mut [&mut Expr]) -> Result<()> {
    let is_chosen = |t: &DataType| matches!(t, DataType::Decimal128(30, 15) | DataType::Decimal128(14, 7));
    let none = DFSchema::empty();
    let mut doubles = false;
    for value in column.iter() {
        if let Expr::Cast(cast) = &**value {
            doubles |= is_chosen(cast.field.data_type()) && cast.expr.get_type(&none)?.is_floating();
        }
    }
    for value in column.iter_mut().filter(|_| doubles) {
        match &mut **value {
            Expr::Cast(cast) if is_chosen(cast.field.data_type()) => **value = *std::mem::take(&mut cast.expr),
            Expr::Literal(literal, _) if literal.is_null() => **value = Expr::Literal(ScalarValue::Null, None),
            _ => {}
        }
    }
    Ok(())
}

/// The plan with columns cast to these types.
fn with_types(plan: &LogicalPlan, types: &[Option<DataType>]) -> Result<LogicalPlan> {
    if types.iter().all(Option::is_none) {
        return Ok(plan.clone());
    }
    let columns = plan.schema().columns().into_iter().enumerate().map(|(c, column)| {
        let name = column.name.clone();
        match types.get(c).cloned().flatten() {
            Some(to) => Ok(Expr::Column(column).cast_to(&to, plan.schema())?.alias(name)),
            None => Ok(Expr::Column(column)),
        }
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    LogicalPlanBuilder::from(plan.clone()).project(columns)?.build()
}

/// Casts what DataFusion would bring to a type of its choice. What has no type yet stays.
fn of_one_type(sides: &mut [&mut Expr], schema: &DFSchema) -> Result<bool> {
    let Ok(types) = sides.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>() else { return Ok(false) };
    let Some(to) = common(&types) else { return Ok(false) };
    for (side, of) in sides.iter_mut().zip(&types) {
        if *of != to && (of.is_decimal() || of.is_floating() || is_time(of)) {
            **side = side.clone().cast_to(&to, schema)?;
        }
    }
    Ok(true)
}

/// Doubles that DataFusion compares by their bits.
fn with_one_zero(sides: &mut [&mut Expr], schema: &DFSchema) -> Result<bool> {
    let Ok(types) = sides.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>() else { return Ok(false) };
    for side in sides.iter_mut() {
        **side = one_zero(std::mem::take(*side), schema)?;
    }
    Ok(types.iter().any(DataType::is_floating))
}

/// The type to choose for these, where DataFusion's own choice changes values.
fn common(types: &[DataType]) -> Option<DataType> {
    if types.iter().any(DataType::is_decimal) && types.iter().any(DataType::is_floating) {
        return Some(DataType::Float64);
    }
    let timed = types.iter().any(|t| matches!(t, DataType::Timestamp(..)));
    let dated = types.iter().any(|t| matches!(t, DataType::Date32 | DataType::Date64));
    let all = types.iter().all(|t| is_time(t) || t.is_null());
    (timed && dated && all).then_some(DataType::Timestamp(TimeUnit::Microsecond, None))
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

/// Makes a cast to nanoseconds one to microseconds.
fn to_microseconds(field: &mut FieldRef) -> bool {
    let DataType::Timestamp(TimeUnit::Nanosecond, zone) = field.data_type() else { return false };
    let microseconds = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
    *field = Arc::new(field.as_ref().clone().with_data_type(microseconds));
    true
}

fn is_comparison(op: Operator) -> bool {
    use Operator::*;
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Intervals and durations that are compared become durations.
fn as_lengths(sides: &mut [&mut Expr], schema: &DFSchema) -> Result<bool> {
    let Ok(types) = sides.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>() else { return Ok(false) };
    let is_length = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_));
    let any = types.iter().any(|t| matches!(t, DataType::Interval(_)));
    if !any || !types.iter().all(|t| is_length(t) || t.is_null()) {
        return Ok(false);
    }
    for (side, of) in sides.iter_mut().zip(&types) {
        if matches!(of, DataType::Interval(_)) {
            **side = LENGTH.call(vec![side.clone()]);
        }
    }
    Ok(true)
}

/// An order of intervals is that of their lengths, as numbers: windows do not order by durations.
fn by_length(key: &mut Expr, schema: &DFSchema) -> Result<bool> {
    let is_interval = matches!(key.get_type(schema), Ok(DataType::Interval(_)));
    if is_interval {
        *key = LENGTH.call(vec![key.clone()]).cast_to(&DataType::Int64, schema)?;
    }
    Ok(is_interval)
}

fn is_interval(args: &[Expr], schema: &DFSchema) -> bool {
    args.first().is_some_and(|arg| matches!(arg.get_type(schema), Ok(DataType::Interval(_))))
}

static LENGTH: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::from(Length { signature: Signature::any(1, Volatility::Immutable) }));

/// The length of an interval in microseconds. Errors: one of parts of a microsecond, or of more than 292,000 years.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Length {
    signature: Signature,
}

impl ScalarUDFImpl for Length {
    fn name(&self) -> &str {
        "interval_length"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Duration(TimeUnit::Microsecond))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = matches!(args.args[0], ColumnarValue::Scalar(_));
        let intervals = args.args[0].to_array(if scalar { 1 } else { args.number_rows })?;
        let intervals = cast(&intervals, &DataType::Interval(IntervalUnit::MonthDayNano))?;
        let lengths = intervals.as_primitive::<IntervalMonthDayNanoType>().iter().map(|interval| {
            let Some(interval) = interval else { return Ok(None) };
            let days = i64::from(interval.months) * 30 + i64::from(interval.days);
            let length = days.checked_mul(86_400_000_000).and_then(|us| us.checked_add(interval.nanoseconds / 1_000));
            match length {
                Some(length) if interval.nanoseconds % 1_000 == 0 => Ok(Some(length)),
                Some(_) => exec_err!("an INTERVAL is compared to the microsecond, this one is finer"),
                None => exec_err!("an INTERVAL is too long to be compared"),
            }
        });
        let lengths: ArrayRef = Arc::new(lengths.collect::<Result<DurationMicrosecondArray>>()?);
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&lengths, 0)?));
        }
        Ok(ColumnarValue::Array(lengths))
    }
}
