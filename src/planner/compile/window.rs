//! Windows of the plan.

use datafusion::arrow::compute::SortOptions;
use datafusion::logical_expr::Window;
use datafusion::physical_expr::expressions::lit;

use super::latest;
use super::plans::{column_expression, linear_plan, nullable, refused};
use super::table_rows::latest_plan;
use super::{Compiler, Expression, Plan, Result};

impl Compiler<'_> {
    /// ROW_NUMBER() whose value is asked to be 1: the first row of each partition.
    pub(super) fn window(&mut self, window: &Window) -> Result<Plan> {
        if self.picked != Some(std::ptr::from_ref(window)) {
            return Err(refused("window functions other than ROW_NUMBER() OVER (...) = 1 are not maintained yet")
                .hint("keep the first row of each partition with WHERE rn = 1"));
        }
        self.picked = None;
        let (partition, order) = latest::parts(window)?;
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
}
