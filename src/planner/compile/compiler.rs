//! The nodes of a logical plan, one by one, to plans; the larger ones have a file of their own.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    EmptyRelation, Expr, Filter, LogicalPlan, Projection, TableScan, Union, Unnest as LogicalUnnest, Values, Window,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::unnest::ListUnnest;

use super::plans::{column_expression, linear_plan, nullable, one_row, refused, select, with_schema};
use super::{join, range, row_number};
use crate::error::{Error, Result};
use crate::planner::plan::{Expression, Op, Plan, Unnest};
use crate::planner::session::{Relation, supported};

/// Compiles the plan of one view.
pub(in crate::planner) struct Compiler<'a> {
    pub(super) state: &'a SessionState,
    relations: &'a HashMap<String, Relation>,
    /// The window node of which only rows with some numbers are asked.
    pub(super) asked: Option<Asked>,
    /// Which columns of the next node its reader reads; None: all.
    pub(super) needed: Option<Vec<bool>>,
}

/// The rows that a filter keeps of a window node that numbers them.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) window: *const Window,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Somebody reads the number.
    pub(super) number: bool,
}

impl<'a> Compiler<'a> {
    pub fn new(state: &'a SessionState, relations: &'a HashMap<String, Relation>) -> Self {
        Compiler { state, relations, asked: None, needed: None }
    }

    /// The compiled plan has the same columns, in the same order, as the logical one.
    pub fn compile(&mut self, plan: &LogicalPlan) -> Result<Plan> {
        if !matches!(plan, LogicalPlan::Join(_) | LogicalPlan::SubqueryAlias(_)) {
            self.needed = None;
        }
        let compiled = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.compile(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(filter, None),
            // Rows have no order between operators.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.compile(&sort.input),
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
            LogicalPlan::EmptyRelation(_) => Ok(one_row()),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            other => Err(refused(&format!("{} is not maintained yet", other.display()))),
        }?;
        for field in compiled.schema.fields() {
            if !supported(field.data_type()) {
                return Err(cannot_keep(field));
            }
        }
        Ok(compiled)
    }

    /// Compiles the input of a node that reads it with these expressions alone.
    pub(super) fn compile_for<'e>(
        &mut self,
        input: &LogicalPlan,
        exprs: impl Iterator<Item = &'e Expr>,
    ) -> Result<Plan> {
        self.needed = Some(range::columns_read(input, exprs));
        self.compile(input)
    }

    fn scan(&self, scan: &TableScan) -> Result<Plan> {
        let name = scan.table_name.table();
        let relation = self.relations.get(name).ok_or_else(|| Error::internal(format!("no relation {name}")))?;
        let all = relation.schema.fields().len();
        let columns = scan.projection.clone().unwrap_or_else(|| (0..all).collect());
        Ok(select(relation.plan.clone(), &columns))
    }

    fn projection(&mut self, projection: &Projection) -> Result<Plan> {
        let input = match projection.input.as_ref() {
            LogicalPlan::Filter(filter) => self.filter(filter, Some(projection))?,
            input => self.compile_for(input, projection.expr.iter())?,
        };
        self.linear(input, &projection.input, None, &projection.expr)
    }

    /// `above`: the node over the filter, if it says which columns are read.
    fn filter(&mut self, filter: &Filter, above: Option<&Projection>) -> Result<Plan> {
        let Some(picked) = row_number::find(filter) else {
            let input = self.compile(&filter.input)?;
            return self.keep(input, &filter.input, &filter.predicate);
        };
        let number = picked.number_read(filter, above);
        let asked = Asked { window: picked.window, from: picked.from, to: picked.to, number };
        let before = self.asked.replace(asked);
        let input = self.compile(&filter.input)?;
        self.asked = before;
        match &picked.rest {
            Some(rest) => self.keep(input, &filter.input, rest),
            None => Ok(input),
        }
    }

    /// The rows of `input` for which the predicate is true.
    pub(super) fn keep(&self, input: Plan, logical: &LogicalPlan, predicate: &Expr) -> Result<Plan> {
        let columns: Vec<Expr> = logical.schema().columns().into_iter().map(Expr::Column).collect();
        self.linear(input, logical, Some(predicate), &columns)
    }

    fn union(&mut self, union: &Union) -> Result<Plan> {
        let schema = nullable(union.schema.as_arrow());
        let inputs = union.inputs.iter().map(|input| with_schema(self.compile(input)?, schema.clone()));
        let inputs: Vec<Plan> = inputs.collect::<Result<_>>()?;
        let insert_only = inputs.iter().all(|input| input.insert_only);
        Ok(Plan { op: Op::Union(inputs), schema, key: None, insert_only })
    }

    /// Each row is an expression over one row, so a value that fails costs its own row only.
    fn values(&self, values: &Values) -> Result<Plan> {
        let schema = nullable(values.schema.as_arrow());
        let nothing =
            LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) });
        let rows =
            values.values.iter().map(|row| with_schema(self.linear(one_row(), &nothing, None, row)?, schema.clone()));
        let rows: Vec<Plan> = rows.collect::<Result<_>>()?;
        Ok(Plan { op: Op::Union(rows), schema, key: None, insert_only: true })
    }

    fn unnest(&mut self, unnest: &LogicalUnnest) -> Result<Plan> {
        // DataFusion finds the columns that pass by their names.
        let input = with_schema(self.compile(&unnest.input)?, nullable(unnest.input.schema().as_arrow()))?;
        let lists = unnest.list_type_columns.iter();
        let lists = lists.map(|(column, list)| ListUnnest { index_in_input_schema: *column, depth: list.depth });
        let insert_only = input.insert_only;
        let parts = Unnest {
            lists: lists.collect(),
            structs: unnest.struct_type_columns.clone(),
            options: unnest.options.clone(),
        };
        let schema = nullable(unnest.schema.as_arrow());
        Ok(Plan { op: Op::Unnest { input: Arc::new(input), unnest: Arc::new(parts) }, schema, key: None, insert_only })
    }

    /// `input` with each expression as a column, and where these columns are.
    pub(super) fn with_columns(
        &self,
        input: Plan,
        logical: &LogicalPlan,
        exprs: &[Expr],
    ) -> Result<(Plan, Vec<usize>)> {
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

    pub(super) fn linear(
        &self,
        input: Plan,
        logical: &LogicalPlan,
        filter: Option<&Expr>,
        exprs: &[Expr],
    ) -> Result<Plan> {
        let filter = filter.map(|f| self.expression(f, logical)).transpose()?;
        let project = exprs.iter().map(|e| self.expression(e, logical)).collect::<Result<Vec<_>>>()?;
        let mut fields = vec![];
        for (expr, expression) in exprs.iter().zip(&project) {
            let data_type = expression.physical.data_type(&input.schema)?;
            fields.push(Field::new(expr.schema_name().to_string(), data_type, true));
        }
        Ok(linear_plan(input, filter, project, Arc::new(Schema::new(fields))))
    }

    pub(super) fn expression(&self, expr: &Expr, input: &LogicalPlan) -> Result<Expression> {
        let of_the_row = |e: &Expr| Ok(matches!(e, Expr::ScalarSubquery(query) if !query.outer_ref_columns.is_empty()));
        if expr.exists(of_the_row)? {
            return Err(refused("the value of this subquery depends on the outer row otherwise than by =")
                .hint("write a join and group: FROM t LEFT JOIN u ON u.k > t.k GROUP BY t.k"));
        }
        if join::has_subquery(expr) {
            return Err(refused("a subquery at this place is not maintained")
                .hint("subqueries are maintained in SELECT (one value), WHERE and HAVING; elsewhere write a join"));
        }
        let plain = expr.clone().unalias_nested().data;
        let physical = self.state.create_physical_expr(plain.clone(), input.schema())?;
        // The logical text has the types of literals, the physical one the positions of columns: a name alone may mean
        // two different columns of equal inputs.
        let text = format!("{plain} = {physical}");
        Ok(Expression { physical, text })
    }
}

/// What is said of a column whose type state cannot hold.
pub(in crate::planner) fn cannot_keep(field: &Field) -> Error {
    let type_name = match field.data_type() {
        DataType::Null => "no type".to_string(),
        other => format!("type {other}"),
    };
    refused(&format!("column {} has {type_name}, which cannot be kept", field.name()))
        .hint("cast it to VARCHAR, BIGINT, DECIMAL, DOUBLE, BOOLEAN, DATE or TIMESTAMP")
}
