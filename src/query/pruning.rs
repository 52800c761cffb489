//! Row groups that a condition cannot hold in: `WHERE _epoch > ...` reads the end of the history only.
//!
//! DataFusion derives from the condition what the bounds of a row group must be. The condition itself is still checked
//! for every row that is read.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

use crate::history::{GroupChoice, RowGroups};

/// What the conditions let be left out of files with these columns; None: nothing.
pub(super) fn choice(session: &dyn Session, conditions: &[Expr], schema: &SchemaRef) -> Option<Arc<GroupChoice>> {
    let condition = conjunction(conditions.iter().cloned())?;
    let columns = DFSchema::try_from(schema.clone()).ok()?;
    let condition = session.create_physical_expr(condition, &columns).ok()?;
    let predicate = PruningPredicateBuilder::new().with_file_schema(schema.clone()).build(condition)?;
    Some(Arc::new(move |groups: &RowGroups<'_>| {
        // What cannot be decided is read.
        predicate.prune(&Bounds(groups)).unwrap_or_else(|_| vec![true; groups.count()])
    }))
}

struct Bounds<'a>(&'a RowGroups<'a>);

impl Bounds<'_> {
    /// No bounds of doubles: they do not tell of NaN, which is greater than all.
    fn of(&self, column: &Column) -> Option<(ArrayRef, ArrayRef)> {
        self.0.bounds(column.name()).filter(|(least, _)| !least.data_type().is_floating())
    }
}

impl PruningStatistics for Bounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column).map(|(least, _)| least)
    }
    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column).map(|(_, greatest)| greatest)
    }
    fn num_containers(&self) -> usize {
        self.0.count()
    }
    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.0.null_counts(column.name())
    }
    fn row_counts(&self) -> Option<ArrayRef> {
        Some(self.0.row_counts())
    }
    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
