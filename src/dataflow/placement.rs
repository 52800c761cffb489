//! Which shard each row of an operator is in.
//!
//! Rows are spread by some columns if rows that agree on these are in one shard. An operator that needs all rows of a key
//! together is content with any of the key's columns. No columns: everything is in one shard.

use datafusion::physical_expr::expressions::Column;

use super::graph::{ArrangementDraft, Draft, SideDraft};
use crate::planner::Expression;

/// Columns by whose hash rows are spread, in this order; None: nothing is known.
pub(super) type Spread = Option<Vec<usize>>;

/// How an operator takes one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    AsItIs,
    ByKey(Vec<usize>),
    Everywhere,
}

/// How an operator takes its inputs, which are spread like this, and how its own rows are spread.
pub(super) fn place(
    draft: &Draft,
    (inputs, width): (&[Spread], usize),
    arrangements: &[ArrangementDraft],
) -> (Vec<Takes>, Spread) {
    let keyed = |columns: &[usize]| {
        let by = within(&inputs[0], columns);
        (vec![takes(&inputs[0], &by)], Some(by))
    };
    match draft {
        Draft::Source => (vec![], None),
        Draft::OneRow => (vec![], Some(vec![])),
        Draft::Linear { project, .. } => (vec![Takes::AsItIs], projected(&inputs[0], project)),
        Draft::Unnest(_) => (vec![Takes::AsItIs], None),
        Draft::Union => {
            // Of no inputs is the empty relation.
            let same = inputs.iter().all(|input| *input == inputs[0]);
            (vec![Takes::AsItIs; inputs.len()], inputs.first().filter(|_| same).cloned().flatten())
        }
        Draft::Latest(arrangement) | Draft::Arrange(arrangement) => {
            let by = arrangements[*arrangement].shard_by.clone();
            (vec![takes(&inputs[0], &by)], Some(by))
        }
        Draft::OrderedLatest { partition, .. } => keyed(partition),
        Draft::Top(top) => keyed(&top.partition),
        Draft::Window(order, _) => keyed(&order.partition),
        Draft::Aggregate(functions) => keyed(&(0..width - functions.len()).collect::<Vec<_>>()),
        Draft::Join(sides, _) => {
            let spread = inputs[0].clone().filter(|by| across(by, sides).is_some_and(|by| Some(by) == inputs[1]));
            (vec![Takes::AsItIs; 2], spread)
        }
        Draft::Semi { sides, .. } => {
            // A key that comes or goes is seen once.
            let right = within(&inputs[1], &sides.1.key);
            let spread = inputs[0].clone().filter(|by| across(by, sides).is_some_and(|by| by == right));
            (vec![Takes::AsItIs, takes(&inputs[1], &right)], spread)
        }
        Draft::RangeFilter(_) => {
            // A row and its retraction meet in one shard, whichever it is.
            let by = inputs[0].clone().unwrap_or_else(|| (0..width).collect());
            (vec![takes(&inputs[0], &by), Takes::Everywhere], Some(by))
        }
        Draft::Retained(retained) => {
            let key = retained.newest.as_ref().map_or_else(|| (0..width).collect(), |(key, _)| key.clone());
            let by = within(&inputs[0], &key);
            (vec![takes(&inputs[0], &by), Takes::Everywhere], Some(by))
        }
    }
}

/// Columns to spread by for a key: those by which the rows are spread already, if they are the key's.
pub(super) fn within(spread: &Spread, key: &[usize]) -> Vec<usize> {
    spread.clone().filter(|by| by.iter().all(|c| key.contains(c))).unwrap_or_else(|| key.to_vec())
}

fn takes(spread: &Spread, by: &[usize]) -> Takes {
    if spread.as_deref() == Some(by) { Takes::AsItIs } else { Takes::ByKey(by.to_vec()) }
}

/// The columns of the right side that equal these of the left.
fn across(by: &[usize], (left, right): &(SideDraft, SideDraft)) -> Spread {
    by.iter().map(|c| left.key.iter().position(|key| key == c).map(|at| right.key[at])).collect()
}

/// Where the columns are after a projection.
fn projected(spread: &Spread, project: &[Expression]) -> Spread {
    let column = |c: &usize| {
        let is_it = |e: &Expression| e.physical.downcast_ref::<Column>().is_some_and(|column| column.index() == *c);
        project.iter().position(is_it)
    };
    spread.as_ref()?.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_content_with_some_of_its_columns() {
        assert_eq!(within(&Some(vec![2]), &[1, 2]), [2]);
        assert_eq!(within(&Some(vec![2, 3]), &[1, 2]), [1, 2]);
        assert_eq!(within(&None, &[1, 2]), [1, 2]);
        assert_eq!(within(&Some(vec![]), &[1, 2]), [0; 0], "one shard holds every key whole");
        assert_eq!(takes(&Some(vec![2]), &[2]), Takes::AsItIs);
        assert_eq!(takes(&Some(vec![2]), &[1, 2]), Takes::ByKey(vec![1, 2]));
    }
}
