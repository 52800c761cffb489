//! An optimized logical plan to a plan of incremental operators; what has no operator is refused.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{JoinType, NullEquality, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, Filter, LogicalPlan, Projection, TableScan, Window};
use datafusion::logical_expr::{Join as LogicalJoin, Union};
use datafusion::physical_expr::expressions::{Column, cast, lit};

use super::plan::{AggregateKind, Expression, Function, Join, Op, Plan};
use super::session::{Relation, supported};
use super::table_rows::latest_plan;
use crate::error::{Error, Result};

/// Compiles the plan of one view.
pub(super) struct Compiler<'a> {
    pub state: &'a SessionState,
    pub relations: &'a HashMap<String, Relation>,
    /// The window node whose row number is asked to be 1.
    pub picked: Option<*const Window>,
}

impl Compiler<'_> {
    /// The compiled plan has the same columns, in the same order, as the logical one.
    pub fn compile(&mut self, plan: &LogicalPlan) -> Result<Plan> {
        let compiled = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.compile(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row => Ok(Plan {
                op: Op::Union(vec![]),
                schema: nullable(empty.schema.as_arrow()),
                key: None,
                insert_only: true,
            }),
            LogicalPlan::EmptyRelation(_) => {
                Err(refused("a query that reads no table is not maintained").hint("read a table or a view"))
            }
            other => Err(refused(&format!("{} is not maintained yet", other.display()))),
        }?;
        for field in compiled.schema.fields() {
            if !supported(field.data_type()) {
                return Err(refused(&format!(
                    "column {} has type {}, which cannot be kept",
                    field.name(),
                    field.data_type()
                ))
                .hint("cast it to VARCHAR, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE or TIMESTAMP"));
            }
        }
        Ok(compiled)
    }

    fn scan(&self, scan: &TableScan) -> Result<Plan> {
        let name = scan.table_name.table();
        let relation = self.relations.get(name).ok_or_else(|| Error::internal(format!("no relation {name}")))?;
        let all = relation.schema.fields().len();
        let columns = scan.projection.clone().unwrap_or_else(|| (0..all).collect());
        Ok(select(relation.plan.clone(), &columns))
    }

    fn projection(&mut self, projection: &Projection) -> Result<Plan> {
        let input = self.compile(&projection.input)?;
        self.linear(input, &projection.input, None, &projection.expr)
    }

    fn filter(&mut self, filter: &Filter) -> Result<Plan> {
        let found = super::latest::find(filter);
        let predicate = match found {
            Some((window, rest)) => {
                let before = self.picked.replace(window);
                let input = self.compile(&filter.input)?;
                self.picked = before;
                return match rest {
                    Some(rest) => self.keep(input, &filter.input, &rest),
                    None => Ok(input),
                };
            }
            None => &filter.predicate,
        };
        let input = self.compile(&filter.input)?;
        self.keep(input, &filter.input, predicate)
    }

    /// The rows of `input` for which the predicate is true.
    fn keep(&self, input: Plan, logical: &LogicalPlan, predicate: &Expr) -> Result<Plan> {
        let columns: Vec<Expr> = logical.schema().columns().into_iter().map(Expr::Column).collect();
        self.linear(input, logical, Some(predicate), &columns)
    }

    /// ROW_NUMBER() whose value is asked to be 1: the first row of each partition.
    fn window(&mut self, window: &Window) -> Result<Plan> {
        if self.picked != Some(std::ptr::from_ref(window)) {
            return Err(refused("window functions other than ROW_NUMBER() OVER (...) = 1 are not maintained yet")
                .hint("keep the first row of each partition with WHERE rn = 1"));
        }
        self.picked = None;
        let (partition, order) = super::latest::parts(window)?;
        let width = window.input.schema().fields().len();
        let input = self.compile(&window.input)?;
        let mut exprs = partition.clone();
        exprs.extend(order.iter().map(|s| s.expr.clone()));
        let (input, positions) = self.with_columns(input, &window.input, &exprs)?;
        let mut columns: Vec<usize> = vec![];
        for &column in &positions[..partition.len()] {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let mut seen = columns.clone();
        let mut ordered = vec![];
        for (sort, &column) in order.iter().zip(&positions[partition.len()..]) {
            if !seen.contains(&column) {
                seen.push(column);
                let options = SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first };
                ordered.push((column, options));
            }
        }
        let latest = latest_plan(input, columns, ordered);
        let mut project: Vec<Expression> = (0..width).map(|c| column_expression(&latest.schema, c)).collect();
        project.push(Expression { physical: lit(1u64), text: "1".into() });
        let schema = nullable(window.schema.as_arrow());
        Ok(linear_plan(latest, None, project, schema))
    }

    fn join(&mut self, join: &LogicalJoin) -> Result<Plan> {
        if join.join_type != JoinType::Inner {
            return Err(refused(&format!("a {} join is not maintained yet", join.join_type))
                .hint("only inner joins on equal columns are"));
        }
        if join.on.is_empty() || join.null_equality != NullEquality::NullEqualsNothing {
            return Err(refused("a join without an equality between both sides is not maintained yet")
                .hint("join on equal columns; further conditions may follow with AND"));
        }
        let (left, right) = (self.compile(&join.left)?, self.compile(&join.right)?);
        let (left_width, right_width) = (left.schema.fields().len(), right.schema.fields().len());
        let (mut left_on, mut right_on) = (vec![], vec![]);
        for (left, right) in &join.on {
            left_on.push(one_zero(left, &join.left)?);
            right_on.push(one_zero(right, &join.right)?);
        }
        let (left, left_keys) = self.with_columns(left, &join.left, &left_on)?;
        let (right, right_keys) = self.with_columns(right, &join.right, &right_on)?;
        let width = left.schema.fields().len();
        let mut on: Vec<(usize, usize)> = left_keys.into_iter().zip(right_keys).collect();
        on.sort_unstable();
        on.dedup();
        let fields = left.schema.fields().iter().chain(right.schema.fields()).cloned();
        let joined = Plan {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            key: join_key(&left, &right, &on),
            insert_only: left.insert_only && right.insert_only,
            op: Op::Join(Box::new(Join { left, right, on })),
        };
        let columns: Vec<usize> = (0..left_width).chain(width..width + right_width).collect();
        let selected = select(joined, &columns);
        match &join.filter {
            Some(filter) => {
                let schema = join.schema.clone();
                let logical = LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
                    produce_one_row: false,
                    schema,
                });
                self.keep(selected, &logical, filter)
            }
            None => Ok(selected),
        }
    }

    fn union(&mut self, union: &Union) -> Result<Plan> {
        let schema = nullable(union.schema.as_arrow());
        let inputs = union.inputs.iter().map(|input| with_schema(self.compile(input)?, schema.clone()));
        let inputs: Vec<Plan> = inputs.collect::<Result<_>>()?;
        let insert_only = inputs.iter().all(|input| input.insert_only);
        Ok(Plan { op: Op::Union(inputs), schema, key: None, insert_only })
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Plan> {
        if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
            return Err(refused("GROUPING SETS, ROLLUP and CUBE are not maintained yet"));
        }
        let input = self.compile(&aggregate.input)?;
        let keys = aggregate.group_expr.iter().map(|expr| one_zero(expr, &aggregate.input));
        let mut exprs: Vec<Expr> = keys.collect::<Result<_>>()?;
        let groups = exprs.len();
        let output_types: Vec<DataType> =
            aggregate.schema.fields()[groups..].iter().map(|f| f.data_type().clone()).collect();
        let mut functions = vec![];
        for (expr, output) in aggregate.aggr_expr.iter().zip(output_types) {
            functions.push(function(expr, output, &mut exprs)?);
        }
        // COUNT(NULL): state has no type NULL, any other type will do.
        for argument in &mut exprs[groups..] {
            if argument.get_type(aggregate.input.schema())? == DataType::Null {
                *argument = Expr::Literal(ScalarValue::Int64(None), None);
            }
        }
        let input = self.linear(input, &aggregate.input, None, &exprs)?;
        check_exact(&functions, &input)?;
        let schema = nullable(aggregate.schema.as_arrow());
        Ok(Plan {
            op: Op::Aggregate { input: Box::new(input), group: (0..groups).collect(), functions },
            schema,
            key: Some((0..groups).collect()),
            insert_only: false,
        })
    }

    /// `input` with each expression as a column, and where these columns are.
    fn with_columns(&self, input: Plan, logical: &LogicalPlan, exprs: &[Expr]) -> Result<(Plan, Vec<usize>)> {
        let mut positions = vec![];
        let mut project: Vec<Expression> =
            (0..input.schema.fields().len()).map(|c| column_expression(&input.schema, c)).collect();
        let mut fields: Vec<Field> = input.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        let width = fields.len();
        for expr in exprs {
            let expression = self.expression(expr, logical)?;
            if let Some(column) = expression.physical.downcast_ref::<Column>() {
                positions.push(column.index());
                continue;
            }
            positions.push(project.len());
            fields.push(Field::new(&expression.text, expression.physical.data_type(&input.schema)?, true));
            project.push(expression);
        }
        if project.len() == width {
            return Ok((input, positions));
        }
        Ok((linear_plan(input, None, project, Arc::new(Schema::new(fields))), positions))
    }

    fn linear(&self, input: Plan, logical: &LogicalPlan, filter: Option<&Expr>, exprs: &[Expr]) -> Result<Plan> {
        let filter = filter.map(|f| self.expression(f, logical)).transpose()?;
        let project = exprs.iter().map(|e| self.expression(e, logical)).collect::<Result<Vec<_>>>()?;
        let mut fields = vec![];
        for (expr, expression) in exprs.iter().zip(&project) {
            let data_type = expression.physical.data_type(&input.schema)?;
            fields.push(Field::new(expr.schema_name().to_string(), data_type, true));
        }
        Ok(linear_plan(input, filter, project, Arc::new(Schema::new(fields))))
    }

    fn expression(&self, expr: &Expr, input: &LogicalPlan) -> Result<Expression> {
        let plain = expr.clone().unalias_nested().data;
        let physical = self.state.create_physical_expr(plain.clone(), input.schema())?;
        // The logical text has the types of literals, the physical one the positions of columns: a name alone may mean
        // two different columns of equal inputs.
        let text = format!("{plain} = {physical}");
        Ok(Expression { physical, text })
    }
}

/// Totals of floating numbers depend on the order of addition and cannot be taken back.
fn check_exact(functions: &[Function], input: &Plan) -> Result<()> {
    for function in functions {
        let float = |c: usize| input.schema.field(c).data_type().is_floating();
        let total = matches!(function.kind, AggregateKind::Sum | AggregateKind::Avg);
        if total && function.argument.is_some_and(float) {
            return Err(refused("SUM and AVG of DOUBLE are not maintained yet")
                .hint("cast the argument to DECIMAL(precision, scale)"));
        }
    }
    Ok(())
}

/// A key as it is compared: minus zero is zero.
fn one_zero(expr: &Expr, input: &LogicalPlan) -> Result<Expr> {
    let data_type = expr.get_type(input.schema())?;
    if !data_type.is_floating() {
        return Ok(expr.clone());
    }
    let zero = ScalarValue::new_zero(&data_type)?;
    Ok(expr.clone().unalias() + Expr::Literal(zero, None))
}

/// One aggregate; its argument and filter are added to `exprs`.
fn function(expr: &Expr, output: DataType, exprs: &mut Vec<Expr>) -> Result<Function> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias() else {
        return Err(Error::internal(format!("{expr} is not an aggregate")));
    };
    let kind = match func.name() {
        "count" => AggregateKind::Count,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        name => {
            return Err(refused(&format!("the aggregate {name} is not maintained yet"))
                .hint("SUM, COUNT, AVG, MIN and MAX are, each with FILTER"));
        }
    };
    if params.distinct && !matches!(kind, AggregateKind::Min | AggregateKind::Max) {
        return Err(refused(&format!("{}(DISTINCT ...) is not maintained yet", func.name())));
    }
    if !params.order_by.is_empty() || params.null_treatment.is_some() || params.args.len() != 1 {
        return Err(refused(&format!("{} takes one argument and no ORDER BY here", func.name())));
    }
    let mut add = |expr: Expr| {
        exprs.push(expr);
        exprs.len() - 1
    };
    let argument = match &params.args[0] {
        Expr::Literal(value, _) if kind == AggregateKind::Count && !value.is_null() => None,
        argument => Some(add(argument.clone())),
    };
    let filter = params.filter.map(|f| add(*f));
    Ok(Function { kind, argument, filter, output })
}

/// These columns of a plan, in this order.
pub(super) fn select(input: Plan, columns: &[usize]) -> Plan {
    if columns.len() == input.schema.fields().len() && columns.iter().enumerate().all(|(i, &c)| i == c) {
        return input;
    }
    let project = columns.iter().map(|&c| column_expression(&input.schema, c)).collect();
    let fields: Vec<_> = columns.iter().map(|&c| input.schema.field(c).clone()).collect();
    linear_plan(input, None, project, Arc::new(Schema::new(fields)))
}

/// The plan with these names and types for its columns; values are cast where the type differs.
pub(super) fn with_schema(input: Plan, schema: SchemaRef) -> Result<Plan> {
    let plain = |t: &DataType| {
        if *t == DataType::Utf8View { DataType::Utf8 } else { t.clone() }
    };
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), plain(f.data_type()), true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    if schema == input.schema {
        return Ok(input);
    }
    let mut project = vec![];
    for (c, field) in schema.fields().iter().enumerate() {
        let column = column_expression(&input.schema, c);
        if input.schema.field(c).data_type() == field.data_type() {
            project.push(column);
            continue;
        }
        let physical = cast(column.physical, &input.schema, field.data_type().clone())?;
        project.push(Expression { text: format!("cast({c} as {})", field.data_type()), physical });
    }
    Ok(linear_plan(input, None, project, schema))
}

pub(super) fn linear_plan(
    input: Plan,
    filter: Option<Expression>,
    project: Vec<Expression>,
    schema: SchemaRef,
) -> Plan {
    let index = |e: &Expression| e.physical.downcast_ref::<Column>().map(Column::index);
    let columns: Vec<Option<usize>> = project.iter().map(index).collect();
    let key = input.key.as_ref().and_then(|key| {
        key.iter().map(|k| columns.iter().position(|c| *c == Some(*k))).collect::<Option<Vec<usize>>>()
    });
    let insert_only = input.insert_only;
    let columns = if filter.is_none() { columns.into_iter().collect() } else { None };
    Plan { op: Op::Linear { input: Box::new(input), filter, project, columns }, schema, key, insert_only }
}

/// The key of an inner join: that of one side if the other side's key is covered by the join columns, else both.
fn join_key(left: &Plan, right: &Plan, on: &[(usize, usize)]) -> Option<Vec<usize>> {
    let (left_key, right_key) = (left.key.as_ref()?, right.key.as_ref()?);
    let width = left.schema.fields().len();
    if right_key.iter().all(|k| on.iter().any(|o| o.1 == *k)) {
        return Some(left_key.clone());
    }
    let shifted = right_key.iter().map(|k| k + width);
    if left_key.iter().all(|k| on.iter().any(|o| o.0 == *k)) {
        return Some(shifted.collect());
    }
    Some(left_key.iter().copied().chain(shifted).collect())
}

pub(super) fn column_expression(schema: &Schema, c: usize) -> Expression {
    let name = schema.field(c).name();
    Expression { physical: Arc::new(Column::new(name, c)), text: format!("#{c}") }
}

pub(super) fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn refused(message: &str) -> Error {
    Error::refused(message)
}
