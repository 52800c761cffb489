//! The batch oracle: what DataFusion answers for the canonical plan of a view over the script's own rows.
//!
//! A plan that fails is run again node by node, where the rows (of an aggregate: the groups) that fail alone are kept
//! out, as design 1.1 says. No operator of the engine takes part.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use datafusion::arrow::compute::{self, cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::utils::generate_sort_key;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, LogicalPlan, Projection, Sort, TableScanBuilder, Values, Window,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::dml::{self, Tables};
use super::oracle_join::joined;
use super::session::{Relations, Session, mem_table};
use super::table_copy::TableCopy;
use crate::catalog::Table;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::planner::{Planner, sorted};

/// The batch answer over events that a caller brings: for tests that do not write scripts.
pub struct BatchAnswer {
    session: Session,
    tables: Tables,
}

impl BatchAnswer {
    pub fn new() -> Result<Self> {
        BatchAnswer::at(0)
    }

    /// With the table `clock` at a time, in microseconds since 1970-01-01 UTC.
    pub fn at(as_of_us: i64) -> Result<Self> {
        Ok(BatchAnswer { session: Session::new()?, tables: dml::with_clock(as_of_us)? })
    }

    /// Adds events of a table, with `Table::event_schema`.
    pub fn add_events(&mut self, table: &Arc<Table>, events: &RecordBatch) -> Result<()> {
        let copy = self.tables.entry(table.name.clone());
        copy.or_insert_with(|| TableCopy::new(table.clone())).add_events(events)
    }

    /// The rows of every materialized view of the engine, by name.
    pub fn contents(&self, engine: &Engine) -> Result<BTreeMap<String, RecordBatch>> {
        contents(engine, &dml::relations(&self.tables)?, &self.session)
    }
}

/// The rows of every materialized view, computed from the rows of the tables.
pub(super) fn contents(
    engine: &Engine,
    tables: &Relations,
    session: &Session,
) -> Result<BTreeMap<String, RecordBatch>> {
    let mut known = tables.clone();
    let mut views = BTreeMap::new();
    // Views come after the views that they read.
    for view in engine.views() {
        let name = &view.name;
        let missing = || Error::internal(format!("view {name} has no plan"));
        let canonical = engine.canonical(name).ok_or_else(missing)?;
        let schema = engine.planned(name).ok_or_else(missing)?.schema.clone();
        let bound = bind(canonical.clone(), &known)?;
        let whole = with_rows_in_place(bound.clone(), session).and_then(with_sorts);
        let rows = match whole.and_then(|plan| session.run(&plan)) {
            Ok(rows) => rows,
            Err(_) => row_by_row(&bound, session)?,
        };
        let rows = with_schema(&rows, schema)?;
        known.insert(name.clone(), rows.clone());
        views.insert(name.clone(), rows);
    }
    Ok(views)
}

/// The plan with the rows of these relations under its scans.
fn bind(plan: LogicalPlan, relations: &Relations) -> DataFusionResult<LogicalPlan> {
    let bound = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(mut scan) => {
            let name = scan.table_name.table();
            let batch = relations.get(name).ok_or_else(|| DataFusionError::Internal(format!("no rows of {name}")))?;
            scan.source = provider_as_source(mem_table(batch)?);
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(bound.data)
}

fn with_schema(rows: &RecordBatch, schema: SchemaRef) -> Result<RecordBatch> {
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// Runs the plan in the shape that the engine maintains, so that both keep out the same rows.
fn row_by_row(plan: &LogicalPlan, session: &Session) -> Result<RecordBatch> {
    let state = Planner::session_state();
    let optimized = state.optimizer().optimize(plan.clone(), &state, |_, _| {})?;
    Ok(node(&optimized, session)?)
}

pub(super) fn node(plan: &LogicalPlan, session: &Session) -> DataFusionResult<RecordBatch> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => node(&alias.input, session),
        LogicalPlan::Projection(projection) => {
            let input = node(&projection.input, session)?;
            let rows = each_row(&input, |row| projected(projection, row, session))?;
            concat(&Arc::new(projection.schema.as_arrow().clone()), &rows)
        }
        LogicalPlan::Filter(filter) => {
            let input = node(&filter.input, session)?;
            keep(&input, &filter.predicate, filter.input.schema(), session)
        }
        LogicalPlan::Union(union) => {
            let schema: SchemaRef = Arc::new(union.schema.as_arrow().clone());
            let inputs = union.inputs.iter().map(|input| node(input, session));
            concat(&schema, &inputs.collect::<DataFusionResult<Vec<_>>>()?)
        }
        LogicalPlan::Join(join) => joined(join, session),
        LogicalPlan::Aggregate(aggregate) => aggregated(aggregate, session),
        LogicalPlan::Window(window) => windowed(window, session),
        LogicalPlan::Values(rows) => values(rows, session),
        other => {
            let inputs = other.inputs();
            let exprs = other.expressions();
            let mut rows = vec![];
            for input in inputs {
                let batch = node(input, session)?;
                rows.push(without_errors(&batch, &plain(&exprs), input.schema(), session)?);
            }
            over(other, rows, session)
        }
    }
}

/// The arguments of window functions: what is evaluated for each row.
fn plain(exprs: &[Expr]) -> Vec<Expr> {
    let inner = |expr: &Expr| match expr.clone().unalias() {
        Expr::WindowFunction(window) => {
            let params = window.params;
            let order = params.order_by.into_iter().map(|sort| sort.expr);
            let filter = params.filter.map(|filter| *filter);
            params.args.into_iter().chain(params.partition_by).chain(order).chain(filter).collect()
        }
        other => vec![other],
    };
    exprs.iter().flat_map(inner).collect()
}

pub(super) fn value(
    expr: &Expr,
    row: &RecordBatch,
    schema: &DFSchema,
    session: &Session,
) -> DataFusionResult<ArrayRef> {
    let expr = expr.clone().unalias_nested().data;
    let physical = session.state().create_physical_expr(expr, schema)?;
    physical.evaluate(row)?.into_array(row.num_rows())
}

/// Calls `f` for each row by itself; rows that fail are left out.
fn each_row(
    input: &RecordBatch,
    f: impl Fn(&RecordBatch) -> DataFusionResult<RecordBatch>,
) -> DataFusionResult<Vec<RecordBatch>> {
    Ok((0..input.num_rows()).filter_map(|i| f(&input.slice(i, 1)).ok()).collect())
}

fn projected(projection: &Projection, row: &RecordBatch, session: &Session) -> DataFusionResult<RecordBatch> {
    let schema = projection.input.schema();
    let arrays = projection.expr.iter().map(|expr| value(expr, row, schema, session));
    let arrays = arrays.collect::<DataFusionResult<Vec<_>>>()?;
    relabeled(&Arc::new(projection.schema.as_arrow().clone()), arrays, row.num_rows())
}

/// Nullability differs between plan and values; the names are the plan's.
pub(super) fn relabeled(schema: &SchemaRef, arrays: Vec<ArrayRef>, rows: usize) -> DataFusionResult<RecordBatch> {
    let fields = schema.fields().iter().zip(&arrays);
    let fields = fields
        .map(|(field, array)| field.as_ref().clone().with_nullable(true).with_data_type(array.data_type().clone()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
}

fn concat(schema: &SchemaRef, parts: &[RecordBatch]) -> DataFusionResult<RecordBatch> {
    let parts: Vec<RecordBatch> = parts
        .iter()
        .map(|part| {
            let columns = part.columns().iter().zip(schema.fields());
            let columns = columns.map(|(column, field)| Ok(cast(column, field.data_type())?));
            relabeled(schema, columns.collect::<DataFusionResult<Vec<_>>>()?, part.num_rows())
        })
        .collect::<DataFusionResult<_>>()?;
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(concat_batches(&schema, &parts)?)
}

/// The rows for which the predicate is true.
pub(super) fn keep(
    input: &RecordBatch,
    predicate: &Expr,
    schema: &DFSchema,
    session: &Session,
) -> DataFusionResult<RecordBatch> {
    let passes = (0..input.num_rows()).map(|i| {
        let value = value(predicate, &input.slice(i, 1), schema, session).ok()?;
        let value = value.as_boolean_opt()?;
        Some(value.is_valid(0) && value.value(0))
    });
    let passes: BooleanArray = passes.map(|p| Some(p == Some(true))).collect();
    Ok(compute::filter_record_batch(input, &passes)?)
}

/// The rows for which every one of these expressions has a value (or NULL), if it is one over these columns.
pub(super) fn without_errors(
    input: &RecordBatch,
    exprs: &[Expr],
    schema: &DFSchema,
    session: &Session,
) -> DataFusionResult<RecordBatch> {
    let exprs: Vec<&Expr> =
        exprs.iter().filter(|expr| expr.column_refs().iter().all(|c| schema.has_column(c))).collect();
    let fits = |i: usize| exprs.iter().all(|e| value(e, &input.slice(i, 1), schema, session).is_ok());
    let fits: BooleanArray = (0..input.num_rows()).map(|i| Some(fits(i))).collect();
    Ok(compute::filter_record_batch(input, &fits)?)
}

/// Each row of VALUES by itself.
fn values(plan: &Values, session: &Session) -> DataFusionResult<RecordBatch> {
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let one = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one)?;
    let schema: SchemaRef = Arc::new(plan.schema.as_arrow().clone());
    let row = |exprs: &Vec<Expr>| {
        let arrays = exprs.iter().map(|expr| value(expr, &one, &DFSchema::empty(), session));
        relabeled(&schema, arrays.collect::<DataFusionResult<Vec<_>>>().ok()?, 1).ok()
    };
    concat(&schema, &plan.values.iter().filter_map(row).collect::<Vec<_>>())
}

/// Groups, arguments and filters are computed row by row first; then each group is aggregated by itself.
fn aggregated(aggregate: &Aggregate, session: &Session) -> DataFusionResult<RecordBatch> {
    let mut exprs = aggregate.group_expr.clone();
    let groups: Vec<Expr> = (0..exprs.len()).map(computed).collect();
    let functions = aggregate.aggr_expr.iter().enumerate();
    let functions = functions.map(|(i, expr)| over_columns(expr, &mut exprs, session).alias(format!("f{i}"))).collect();
    let schema = aggregate.input.schema();
    let input = without_errors(&node(&aggregate.input, session)?, &exprs, schema, session)?;
    let rows = columns(&exprs, &input, schema, session)?;
    let source = provider_as_source(mem_table(&rows)?);
    let scan = Arc::new(LogicalPlan::TableScan(TableScanBuilder::new(COMPUTED, source).build()?));
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(scan, groups.clone(), functions)?);
    let output = Arc::new(aggregate.schema.as_arrow().clone());
    let parts = split(&rows, &rows.columns()[..groups.len()])?;
    let results = parts.into_iter().filter_map(|rows| over(&plan, vec![rows], session).ok());
    concat(&output, &results.collect::<Vec<_>>())
}

/// Name of the relation of computed columns.
const COMPUTED: &str = "computed";

fn computed(number: usize) -> Expr {
    Expr::Column(Column::new(Some(COMPUTED), format!("c{number}")))
}

/// The aggregate function over columns; what they hold is added to `exprs`.
fn over_columns(expr: &Expr, exprs: &mut Vec<Expr>, session: &Session) -> Expr {
    let mut column = |expr: Expr| {
        exprs.push(expr);
        computed(exprs.len() - 1)
    };
    match expr.clone().unalias() {
        Expr::AggregateFunction(mut function) => {
            let params = &mut function.params;
            // Functions read the values of constant arguments from their text; one that has no value fails row by row.
            let argument = |arg: Expr| if is_constant(&arg, session) { arg } else { column(arg) };
            params.args = std::mem::take(&mut params.args).into_iter().map(argument).collect();
            params.filter = params.filter.take().map(|filter| Box::new(column(*filter)));
            Expr::AggregateFunction(function)
        }
        other => other,
    }
}

fn is_constant(expr: &Expr, session: &Session) -> bool {
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one_row);
    let evaluates = |row| value(expr, &row, &DFSchema::empty(), session).is_ok();
    expr.column_refs().is_empty() && row.is_ok_and(evaluates)
}

/// The values of these expressions, computed row by row: c0, c1 ...
fn columns(exprs: &[Expr], input: &RecordBatch, schema: &DFSchema, session: &Session) -> DataFusionResult<RecordBatch> {
    let fields = exprs.iter().enumerate().map(|(number, expr)| {
        let data_type = expr.get_type(schema)?;
        Ok(Field::new(format!("c{number}"), data_type, true))
    });
    let target: SchemaRef = Arc::new(Schema::new(fields.collect::<DataFusionResult<Vec<_>>>()?));
    let rows = each_row(input, |row| {
        let arrays = exprs.iter().map(|expr| value(expr, row, schema, session));
        relabeled(&target, arrays.collect::<DataFusionResult<Vec<_>>>()?, 1)
    });
    concat(&target, &rows?)
}

/// The rows of each group; `keys` tell them apart.
fn split(rows: &RecordBatch, keys: &[ArrayRef]) -> DataFusionResult<Vec<RecordBatch>> {
    if keys.is_empty() {
        return Ok(vec![rows.clone()]);
    }
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone()));
    let encoded = RowConverter::new(fields.collect())?.convert_columns(keys)?;
    let mut groups: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
    for (i, row) in encoded.iter().enumerate() {
        groups.entry(row.as_ref().to_vec()).or_default().push(i as u32);
    }
    let take = |positions: Vec<u32>| Ok(compute::take_record_batch(rows, &UInt32Array::from(positions))?);
    groups.into_values().map(take).collect()
}

/// Column of the place of a row in a window's input, which decides between peers.
const PLACE: &str = "_place";

/// Each partition by itself; one where a function fails is left out.
fn windowed(window: &Window, session: &Session) -> DataFusionResult<RecordBatch> {
    let schema = window.input.schema();
    let input = without_errors(&node(&window.input, session)?, &plain(&window.window_expr), schema, session)?;
    let Expr::WindowFunction(first) = window.window_expr[0].clone().unalias_nested().data else {
        return Err(DataFusionError::Internal("a window without a function".to_string()));
    };
    let keys = columns(&first.params.partition_by, &input, schema, session)?;
    let (mut fields, mut arrays) = (schema.iter().map(|(q, f)| (q.cloned(), f.clone())).collect::<Vec<_>>(), vec![]);
    fields.push((None, Arc::new(Field::new(PLACE, DataType::Int64, false))));
    arrays.extend_from_slice(input.columns());
    arrays.push(Arc::new(Int64Array::from_iter_values(0..input.num_rows() as i64)));
    let placed = DFSchema::new_with_metadata(fields, HashMap::new())?;
    let rows = relabeled(&Arc::new(placed.as_arrow().clone()), arrays, input.num_rows())?;
    let plan = LogicalPlan::Window(window.clone());
    let output: Vec<Expr> = window.schema.columns().into_iter().map(Expr::Column).collect();
    let results = split(&rows, keys.columns())?.into_iter().filter_map(|rows| {
        let input = Arc::new(scan(&Arc::new(placed.clone()), &rows).ok()?);
        let keys = generate_sort_key(&first.params.partition_by, &first.params.order_by).ok()?;
        let mut expr: Vec<_> = keys.into_iter().map(|(sort, _)| sort).collect();
        expr.push(Expr::Column(Column::new_unqualified(PLACE)).sort(true, false));
        let input = sorted(&Sort { expr, input, fetch: None }).ok()?;
        let values = plan.with_new_exprs(plan.expressions(), vec![input]).ok()?;
        let values = Projection::try_new(output.clone(), Arc::new(values)).ok()?;
        run(&LogicalPlan::Projection(values), session).ok()
    });
    concat(&Arc::new(window.schema.as_arrow().clone()), &results.collect::<Vec<_>>())
}

/// The plan with sorts that the physical planner keeps.
fn with_sorts(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Sort(sort) => Ok(Transformed::yes(sorted(&sort)?)),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

/// The plan with the rows of its outer joins, unions and windows in their place: behind these DataFusion leaves out sorts
/// that are needed. A column that is constant on one side of an outer join, or in each part of a union, is not constant
/// behind it; and a function over a frame that moves does not grow with its rows. Windows of one SELECT share the sort
/// below them, so they stay together; and a sort stays with the window above it, which would sort rows in place once more
/// and leave peers in no order.
fn with_rows_in_place(plan: LogicalPlan, session: &Session) -> DataFusionResult<LogicalPlan> {
    let in_place = |node: LogicalPlan| match node.contains_outer_reference() {
        true => Ok(Transformed::no(node)),
        false => {
            let rows = session.run(&with_sorts(node.clone())?)?;
            renamed_scan(node.schema(), &rows).map(Transformed::yes)
        }
    };
    let window_in_place = |node: LogicalPlan| match node {
        LogicalPlan::Window(_) => in_place(node),
        _ => Ok(Transformed::no(node)),
    };
    let plan = plan.transform_up(|node| match &node {
        LogicalPlan::Window(_) => Ok(Transformed::no(node)),
        LogicalPlan::Join(join) if join.join_type.is_outer() => in_place(node.map_children(window_in_place)?.data),
        LogicalPlan::Union(_) => in_place(node.map_children(window_in_place)?.data),
        _ => node.map_children(window_in_place),
    })?;
    Ok(plan.data)
}

/// A scan of rows below a projection that gives them the schema, qualifiers included, of the node that made them: what
/// the optimizer may cut columns from.
fn renamed_scan(schema: &DFSchemaRef, rows: &RecordBatch) -> DataFusionResult<LogicalPlan> {
    let numbered = schema.fields().iter().enumerate();
    let fields = numbered.map(|(i, field)| Field::new(format!("c{i}"), field.data_type().clone(), true));
    let rows = concat(&Arc::new(Schema::new(fields.collect::<Vec<_>>())), std::slice::from_ref(rows))?;
    let source = provider_as_source(mem_table(&rows)?);
    let scan = LogicalPlan::TableScan(TableScanBuilder::new(COMPUTED, source).build()?);
    let named = |(i, (qualifier, field)): (usize, (Option<&TableReference>, &FieldRef))| {
        computed(i).alias_qualified(qualifier.cloned(), field.name())
    };
    Ok(LogicalPlan::Projection(Projection::try_new(schema.iter().enumerate().map(named).collect(), Arc::new(scan))?))
}

/// Runs one node over the rows of its inputs, without the optimizer.
fn over(plan: &LogicalPlan, inputs: Vec<RecordBatch>, session: &Session) -> DataFusionResult<RecordBatch> {
    let bound = match plan.inputs().as_slice() {
        [] => plan.clone(),
        nodes => {
            let scans = nodes.iter().zip(inputs).map(|(node, rows)| scan(node.schema(), &rows));
            let scans = scans.collect::<DataFusionResult<Vec<_>>>()?;
            plan.with_new_exprs(plan.expressions(), scans)?
        }
    };
    run(&bound, session)
}

fn run(plan: &LogicalPlan, session: &Session) -> DataFusionResult<RecordBatch> {
    let planner = DefaultPhysicalPlanner::default();
    session.run_physical(session.block_on(planner.create_physical_plan(plan, session.state()))?)
}

/// A scan of rows that has the schema, qualifiers included, of the node that made them.
fn scan(schema: &DFSchemaRef, rows: &RecordBatch) -> DataFusionResult<LogicalPlan> {
    let arrow: SchemaRef = Arc::new(schema.as_arrow().clone());
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let rows = RecordBatch::try_new_with_options(arrow, rows.columns().to_vec(), &options)?;
    let mut scan = TableScanBuilder::new("rows", provider_as_source(mem_table(&rows)?)).build()?;
    scan.projected_schema = schema.clone();
    Ok(LogicalPlan::TableScan(scan))
}
