//! The planner: which relations there are, and how the SQL of a view becomes a `Plan`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{TableReference, not_impl_err};
use datafusion::datasource::ViewTable;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::optimizer::{
    OptimizerRule, common_subexpr_eliminate::CommonSubexprEliminate, decorrelate_lateral_join::DecorrelateLateralJoin,
    decorrelate_predicate_subquery::DecorrelatePredicateSubquery, eliminate_filter::EliminateFilter,
    eliminate_outer_join::EliminateOuterJoin, optimize_projections::OptimizeProjections,
    replace_distinct_aggregate::ReplaceDistinctWithAggregate, rewrite_set_comparison::RewriteSetComparison,
    scalar_subquery_to_join::ScalarSubqueryToJoin, simplify_expressions::SimplifyExpressions,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as SqlStatement;
use datafusion::sql::sqlparser::ast::Statement;

use super::canonical::canonical;
use super::compile::Compiler;
use super::filters_down::FiltersDown;
use super::memory::{Memory, PlanMemory};
use super::never_true::NeverTrue;
use super::null_equality::{CrossJoins, JoinKeys};
use super::outer_types;
use super::plan::{Op, Plan};
use super::size::check_size;
use super::text_function::text_function;
use super::{exact, refuse, sets};
use crate::catalog::{Table, View, clock_table};
use crate::error::{Diagnostic, Error, ErrorKind, Result};

/// A table or a materialized view, as the planner sees it.
#[derive(Clone, Debug)]
pub struct Relation {
    /// The columns that SQL sees.
    pub schema: SchemaRef,
    /// How its rows are made.
    pub plan: Plan,
}

/// What planning a view gives.
#[derive(Clone, Debug)]
pub struct ViewPlan {
    pub plan: Plan,
    /// The canonical plan: what the batch oracle runs.
    pub canonical: LogicalPlan,
    /// The columns that the view shows, with pinned types.
    pub schema: SchemaRef,
    /// What the analyst should know, and what is maintained all the same.
    pub warnings: Vec<Diagnostic>,
    /// Its expressions and relations, with those of the plain views that it reads.
    pub size: u64,
}

/// Plans views over the relations that were added so far.
pub struct Planner {
    context: SessionContext,
    relations: HashMap<String, Relation>,
    plain_sizes: HashMap<String, u64>,
    memory: Memory,
}

impl Default for Planner {
    fn default() -> Self {
        Self::new()
    }
}

impl Planner {
    pub fn new() -> Self {
        Self::remembering(PlanMemory::default())
    }

    /// A planner that shares its plans with others that were given the same definitions.
    pub fn remembering(memory: PlanMemory) -> Self {
        let context = SessionContext::new_with_state(session_state());
        Planner { context, relations: HashMap::new(), plain_sizes: HashMap::new(), memory: Memory::new(memory) }
    }

    /// The session settings and functions that give SQL its meaning here; the oracle and ad-hoc SQL use the same.
    pub fn session_state() -> SessionState {
        session_state()
    }

    /// Adds a table. `retractable`: rows may be taken out (tests only; Kafka tables never do).
    pub fn add_table(&mut self, table: &Table, retractable: bool) -> Result<()> {
        let plan = super::compile::table_plan(table, retractable)?;
        self.memory.note(&[&table.name, &table.sql, if retractable { "retractable" } else { "" }]);
        self.add(&table.name, Relation { schema: table.schema(), plan })
    }

    /// Adds the built-in table `clock`: one row at any time.
    pub fn add_clock(&mut self) -> Result<()> {
        let table = clock_table();
        let plan = Plan { key: Some(vec![]), ..super::compile::table_plan(&table, true)? };
        self.add(&table.name, Relation { schema: table.schema(), plan })
    }

    /// Adds a maintained view under its name, so that other views can read it.
    pub fn add_materialized(&mut self, name: &str, planned: &ViewPlan) -> Result<()> {
        let plan = Plan { op: Op::View(name.into()), ..planned.plan.clone() };
        self.memory.note(&["materialized", name, &planned.plan.text(), &planned.canonical.to_string()]);
        self.add(name, Relation { schema: planned.schema.clone(), plan })
    }

    fn add(&mut self, name: &str, relation: Relation) -> Result<()> {
        let provider = Arc::new(SchemaOnly(relation.schema.clone()));
        self.context.register_table(TableReference::bare(name), provider)?;
        self.relations.insert(name.to_string(), relation);
        Ok(())
    }

    /// Adds a plain view: its query takes the place of its name.
    pub fn add_plain(&mut self, name: &str, planned: &ViewPlan) -> Result<()> {
        self.memory.note(&["plain", name, &planned.plan.text(), &planned.canonical.to_string()]);
        self.context
            .register_table(TableReference::bare(name), Arc::new(ViewTable::new(planned.canonical.clone(), None)))?;
        self.plain_sizes.insert(name.to_string(), planned.size);
        Ok(())
    }

    /// Takes a table or a view out again, if it is there.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        self.memory.note(&["removed", name]);
        self.context.deregister_table(TableReference::bare(name))?;
        self.relations.remove(name);
        self.plain_sizes.remove(name);
        Ok(())
    }

    /// Plans a view. Errors: `Invalid` for wrong SQL, `Refused` for what is not maintained, both with the place.
    pub fn plan(&self, view: &View) -> Result<ViewPlan> {
        self.memory.planned(view, || self.plan_anew(view))
    }

    fn plan_anew(&self, view: &View) -> Result<ViewPlan> {
        refuse::check_text(view, &self.context.state())?;
        let size = check_size(&view.query, &self.plain_sizes).map_err(|e| refuse::in_view(view, e))?;
        let statement = Statement::Query(Box::new(view.query.clone()));
        let logical = futures::executor::block_on(
            self.context.state().statement_to_plan(SqlStatement::Statement(Box::new(statement))),
        )
        .map_err(|e| refuse::at_place(view, e))?;
        let state = self.context.state();
        let resolved = outer_types::resolved(logical, &state).map_err(|e| refuse::at_place(view, e))?;
        refuse::check_plan(view, &resolved)?;
        sets::check_subqueries(&resolved).map_err(|e| refuse::in_view(view, e))?;
        let canonical = canonical(resolved.clone()).map_err(|e| refuse::at_place(view, e))?;
        check_columns(view, canonical.schema().as_arrow())?;
        let optimized =
            state.optimizer().optimize(canonical.clone(), &state, |_, _| {}).map_err(|e| refuse::at_place(view, e))?;
        let plan = Compiler::new(&state, &self.relations)
            .compile(&optimized)
            .map_err(|e| refuse::in_view(view, e))
            .and_then(|plan| pinned(view, plan, canonical.schema().as_arrow()))?;
        let schema = served_schema(&plan);
        let warnings = super::warnings::warnings(view, &resolved, &canonical, &plan);
        Ok(ViewPlan { plan, canonical, schema, warnings, size })
    }
}

/// Refuses columns whose type cannot be kept.
fn check_columns(view: &View, schema: &Schema) -> Result<()> {
    let Some(c) = schema.fields().iter().position(|field| !supported(field.data_type())) else { return Ok(()) };
    let message = super::compile::cannot_keep(schema.field(c));
    let mut fault = view.source.diagnostic(ErrorKind::Refused, refuse::column_place(view, c), message.message);
    fault.hint = message.hint;
    Err(Error::from_diagnostics(vec![fault]))
}

/// The names of the query's columns, which an optimizer may have changed.
fn pinned(view: &View, plan: Plan, wanted: &Schema) -> Result<Plan> {
    let mut names = std::collections::HashSet::new();
    for (c, field) in wanted.fields().iter().enumerate() {
        if !names.insert(field.name()) {
            let message = format!("two columns are named {}", field.name());
            let mut fault = view.source.diagnostic(ErrorKind::Invalid, refuse::column_place(view, c), message);
            fault.hint = Some("give one an alias".to_string());
            return Err(Error::from_diagnostics(vec![fault]));
        }
    }
    let fields = plan.schema.fields().iter().zip(wanted.fields());
    let fields: Vec<Field> = fields.map(|(f, w)| Field::new(w.name(), f.data_type().clone(), true)).collect();
    super::compile::with_schema(plan, Arc::new(Schema::new(fields)))
}

fn served_schema(plan: &Plan) -> SchemaRef {
    let fields = plan.schema.fields().iter();
    Arc::new(Schema::new(fields.map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect::<Vec<_>>()))
}

fn session_state() -> SessionState {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_information_schema(false)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.sql_parser.collect_spans", true)
        // Scalar subqueries become joins, which are maintained.
        .set_bool("datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery", false);
    let state = SessionStateBuilder::new().with_config(config).with_default_features();
    let state = state.with_optimizer_rules(rules());
    let mut state = state.build();
    use datafusion::execution::FunctionRegistry;
    if let Some(md5) = state.scalar_functions().get("md5").cloned() {
        state.register_udf(Arc::new(text_function(md5))).expect("the session's registry takes functions");
    }
    for function in [exact::sum(), exact::avg()] {
        state.register_udaf(Arc::new(function)).expect("the session's registry takes functions");
    }
    state
}

/// The rules that leave a plan in the shape of our operators. Not among them: those that answer from statistics, fold
/// the time, or split an aggregate in two.
fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(RewriteSetComparison::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
        // Before filters are pushed down: a filter that is never true would pass below an aggregate without GROUP BY,
        // which has a row over nothing.
        Arc::new(EliminateFilter::new()),
        Arc::new(NeverTrue),
        Arc::new(JoinKeys::default()),
        Arc::new(CrossJoins::default()),
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(FiltersDown::default()),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ]
}

/// A relation that can be planned over, not scanned.
#[derive(Debug)]
struct SchemaOnly(SchemaRef);

#[async_trait::async_trait]
impl TableProvider for SchemaOnly {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("this relation is planned over, not scanned")
    }
}

/// Whether state and answers can hold a column of this type.
pub(super) fn supported(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        List(of) | LargeList(of) | FixedSizeList(of, _) => return supported(of.data_type()),
        Struct(fields) => return fields.iter().all(|f| supported(f.data_type())),
        _ => {}
    }
    matches!(
        data_type,
        Utf8 | LargeUtf8
            | Utf8View
            | Boolean
            | Int8
            | Int16
            | Int32
            | Int64
            | UInt8
            | UInt16
            | UInt32
            | UInt64
            | Float32
            | Float64
            | Decimal128(..)
            | Date32
            | Date64
            | Time32(_)
            | Time64(_)
            | Timestamp(..)
            | Duration(_)
            | Interval(_)
            | Binary
            | LargeBinary
    )
}
