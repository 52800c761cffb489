//! Windows of the plan.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction as LogicalFunction};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Window, WindowFunctionDefinition};
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_planner::create_window_expr;

use super::compiler::{Asked, Compiler};
use super::plans::{column_expression, linear_plan, nullable, refused, select, with_schema};
use super::row_number;
use super::table_rows::latest_plan;
use crate::error::{Error, Result};
use crate::planner::plan::{Expression, Op, Plan, Top};
use crate::planner::window_function::{Reach, Run, WindowFunction};

type Order = Vec<(usize, SortOptions)>;

/// Functions of one PARTITION BY and ORDER BY, each with its place in the window node.
struct Group {
    partition: Vec<usize>,
    order: Order,
    functions: Vec<(usize, WindowFunction, DataType)>,
}

impl Compiler<'_> {
    pub(super) fn window(&mut self, window: &Window) -> Result<Plan> {
        match self.asked.take_if(|asked| asked.window == std::ptr::from_ref(window)) {
            Some(asked) => self.top(window, asked),
            None => self.functions(window),
        }
    }

    /// The first rows of each partition, or some of them.
    fn top(&mut self, window: &Window, asked: Asked) -> Result<Plan> {
        let schema = nullable(window.schema.as_arrow());
        let Asked { from, to, number, .. } = asked;
        if from > to {
            return Ok(Plan { op: Op::Union(vec![]), schema, key: None, insert_only: true });
        }
        let (partition, order) =
            row_number::parts(window).ok_or_else(|| Error::internal("a row number without a window"))?;
        let width = window.input.schema().fields().len();
        let input = self.compile(&window.input)?;
        let mut exprs = partition.clone();
        exprs.extend(order.iter().map(|s| s.expr.clone()));
        let (input, positions) = self.with_columns(input, &window.input, &exprs)?;
        let (by, at) = positions.split_at(partition.len());
        let (partition, order) = once_each(by, &order, at);
        let rows = if (from, to) == (1, 1) {
            latest_plan(input, partition, order)
        } else {
            top_plan(Top { input, partition, order, from, to, number: number && from < to })
        };
        let mut project: Vec<Expression> = (0..width).map(|c| column_expression(&rows.schema, c)).collect();
        project.push(match &rows.op {
            Op::Top(top) if top.number => column_expression(&rows.schema, rows.schema.fields().len() - 1),
            _ => Expression { physical: lit(from), text: from.to_string() },
        });
        Ok(linear_plan(rows, None, project, schema))
    }

    fn functions(&mut self, window: &Window) -> Result<Plan> {
        let width = window.input.schema().fields().len();
        let (input, rest) = self.sorted_input(&window.input)?;
        let functions = window.window_expr.iter().map(|expr| match expr.clone().unalias_nested().data {
            Expr::WindowFunction(function) => Ok(*function),
            other => Err(Error::internal(format!("{other} is not a window function"))),
        });
        let functions: Vec<LogicalFunction> = functions.collect::<Result<_>>()?;
        let exprs: Vec<Expr> = functions.iter().flat_map(computed).collect();
        let (mut plan, positions) = self.with_columns(input, &window.input, &exprs)?;
        let mut positions = positions.as_slice();
        let mut groups: Vec<Group> = vec![];
        for (place, function) in functions.into_iter().enumerate() {
            let (own, others) = positions.split_at(computed(&function).len());
            positions = others;
            add(&mut groups, (place, function), own, &plan.schema)?;
        }
        let mut columns: Vec<usize> = (0..width).collect();
        columns.resize(width + window.window_expr.len(), 0);
        for group in groups {
            let first = plan.schema.fields().len();
            group.functions.iter().enumerate().for_each(|(i, (place, ..))| columns[width + place] = first + i);
            plan = window_plan(plan, group, &rest);
        }
        with_schema(select(plan, &columns), nullable(window.schema.as_arrow()))
    }

    /// The input of a window: its columns, then those that only the sort below it needs, and the order of that sort. The
    /// optimizer may have put projections between.
    fn sorted_input(&mut self, input: &LogicalPlan) -> Result<(Plan, Order)> {
        let (mut projections, mut below) = (vec![], input);
        let sort = loop {
            match below {
                LogicalPlan::Projection(projection) => {
                    projections.push(projection);
                    below = &projection.input;
                }
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => break sort,
                _ => return Ok((self.compile(input)?, vec![])),
            }
        };
        let exprs: Vec<Expr> = sort.expr.iter().map(|s| s.expr.clone()).collect();
        let plan = self.compile(&sort.input)?;
        let (mut plan, mut at) = self.with_columns(plan, &sort.input, &exprs)?;
        for projection in projections.into_iter().rev() {
            let mut project =
                projection.expr.iter().map(|e| self.expression(e, &projection.input)).collect::<Result<Vec<_>>>()?;
            let width = project.len();
            project.extend(at.iter().map(|&c| column_expression(&plan.schema, c)));
            let fields = project.iter().map(|e| Ok(Field::new(&e.text, e.physical.data_type(&plan.schema)?, true)));
            let schema = Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?));
            at = (width..project.len()).collect();
            plan = linear_plan(plan, None, project, schema);
        }
        Ok((plan, once_each(&[], &sort.expr, &at).1))
    }
}

fn top_plan(top: Top) -> Plan {
    let mut fields: Vec<_> = top.input.schema.fields().iter().cloned().collect();
    let mut key = top.partition.clone();
    if top.number {
        key.push(fields.len());
        fields.push(Arc::new(Field::new("number", DataType::UInt64, true)));
    }
    let key = if top.number || top.from == top.to { Some(key) } else { top.input.key.clone() };
    Plan { schema: Arc::new(Schema::new(fields)), key, insert_only: false, op: Op::Top(Arc::new(top)) }
}

fn window_plan(input: Plan, group: Group, rest: &[(usize, SortOptions)]) -> Plan {
    let Group { partition, order, functions } = group;
    let mut fields: Vec<_> = input.schema.fields().iter().cloned().collect();
    fields.extend(functions.iter().map(|(_, f, data_type)| Arc::new(Field::new(&f.text, data_type.clone(), true))));
    let stands = |c: usize| partition.contains(&c) || order.iter().any(|o| o.0 == c);
    let rest = rest.iter().filter(|r| !stands(r.0)).copied().collect();
    let functions = functions.into_iter().map(|(_, function, _)| function).collect();
    Plan {
        schema: Arc::new(Schema::new(fields)),
        key: input.key.clone(),
        insert_only: false,
        op: Op::Window { input: Arc::new(input), partition, order, rest, functions },
    }
}

/// Columns to partition and order by, none of them twice.
fn once_each(partition: &[usize], order: &[SortExpr], at: &[usize]) -> (Vec<usize>, Order) {
    let mut columns: Vec<usize> = vec![];
    for &column in partition {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let mut ordered: Order = vec![];
    for (sort, &column) in order.iter().zip(at) {
        if !columns.contains(&column) && ordered.iter().all(|o| o.0 != column) {
            ordered.push((column, SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first }));
        }
    }
    (columns, ordered)
}

/// What is computed for each row before a function is: PARTITION BY, ORDER BY, arguments that are not constant, FILTER.
fn computed(function: &LogicalFunction) -> Vec<Expr> {
    let params = &function.params;
    let order = params.order_by.iter().map(|sort| &sort.expr);
    let args = params.args.iter().filter(|arg| !matches!(arg, Expr::Literal(..)));
    params.partition_by.iter().chain(order).chain(args).chain(params.filter.as_deref()).cloned().collect()
}

/// Adds a function over the columns `at`, which are those that `computed` asks for, to the group that it belongs to.
fn add(
    groups: &mut Vec<Group>,
    (place, mut function): (usize, LogicalFunction),
    at: &[usize],
    schema: &Schema,
) -> Result<()> {
    let params = &mut function.params;
    let (by, order) = (params.partition_by.len(), params.order_by.len());
    let (partition, order) = once_each(&at[..by], &params.order_by, &at[by..by + order]);
    let mut columns = at.iter().map(|c| Expr::Column(Column::new_unqualified(format!("c{c}"))));
    let mut next = || columns.next().ok_or_else(|| Error::internal("a window function has too many arguments"));
    for expr in &mut params.partition_by {
        *expr = next()?;
    }
    for sort in &mut params.order_by {
        sort.expr = next()?;
    }
    for arg in params.args.iter_mut().filter(|arg| !matches!(arg, Expr::Literal(..))) {
        *arg = next()?;
    }
    if let Some(filter) = &mut params.filter {
        **filter = next()?;
    }
    let filter = function.params.filter.is_some().then(|| at.last().copied()).flatten();
    let (function, data_type) = maintained(function, filter, schema)?;
    let same = |group: &&mut Group| group.partition == partition && group.order == order;
    match groups.iter_mut().find(same) {
        Some(group) => group.functions.push((place, function, data_type)),
        None => groups.push(Group { partition, order, functions: vec![(place, function, data_type)] }),
    }
    Ok(())
}

/// A function over columns named by their position: c0, c1 ...
fn maintained(
    mut function: LogicalFunction,
    filter: Option<usize>,
    schema: &Schema,
) -> Result<(WindowFunction, DataType)> {
    let name = function.fun.name().to_string();
    let aggregate = matches!(function.fun, WindowFunctionDefinition::AggregateUDF(_));
    let params = &function.params;
    let reach = Reach::of(&name, params);
    let grows = params.window_frame.is_ever_expanding();
    let nulls = params.null_treatment;
    let more = format!("distinct {}, {nulls:?}, filter {:?}", params.distinct, params.filter);
    let fields = schema.fields().iter().enumerate();
    let fields: Vec<Field> = fields.map(|(c, f)| Field::new(format!("c{c}"), f.data_type().clone(), true)).collect();
    let columns = Arc::new(Schema::new(fields));
    let logical = DFSchema::try_from(columns.as_ref().clone())?;
    let (properties, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let create = |function| create_window_expr(&Expr::from(function), &logical, &properties, &context);
    let text = format!("{} {more}", Expr::from(function.clone()));
    let mut physical = create(function.clone())?;
    if aggregate {
        // An accumulator that cannot take rows out again says so here.
        let rows = datafusion::arrow::array::RecordBatch::new_empty(columns);
        physical.evaluate(&rows).map_err(|e| {
            if grows {
                return refused(&format!("{name} is not maintained as a window function")).caused_by(e);
            }
            let message = format!("{name} over a frame that moves is not maintained");
            refused(&message).hint("begin the frame with UNBOUNDED PRECEDING").caused_by(e)
        })?;
    }
    let data_type = physical.field()?.data_type().clone();
    if let Reach::Running(Run { backward: true, .. }) = &reach {
        let params = &mut function.params;
        params.order_by.iter_mut().for_each(|s| (s.asc, s.nulls_first) = (!s.asc, !s.nulls_first));
        params.window_frame = params.window_frame.reverse();
        physical = create(function)?;
    }
    Ok((WindowFunction { physical, text, filter, reach }, data_type))
}
