//! The incremental operators, one file each: changes in, changes out, state in between.
//!
//! Contract: after any sequence of epochs, the sum of an operator's output changes equals its SQL meaning over the sum
//! of its input changes. Work an epoch follows the changes, never the state: `touched` counts it.

mod accumulator;
mod aggregate;
mod arrange;
mod bits;
mod distinct;
mod folds;
#[cfg(test)]
mod folds_tests;
mod join;
mod latest;
mod linear;
mod ordered_latest;
mod partitions;
mod range_filter;
mod retained;
mod retained_latest;
mod saved_totals;
mod semi;
#[cfg(test)]
mod tests;
mod top;
mod totals;
mod union;
mod unnest;
mod window;
mod window_key;
mod window_rows;
mod window_running;
mod window_sweep;

pub use aggregate::Aggregate;
pub use arrange::Arrange;
pub use join::{Join, Side};
pub use latest::Latest;
pub use linear::Linear;
pub use ordered_latest::OrderedLatest;
pub use range_filter::RangeFilter;
pub use retained::Retained;
pub use retained_latest::RetainedLatest;
pub use semi::Semi;
pub use top::Top;
pub use union::Union;
pub use unnest::Unnest;
pub use window::{Window, WindowOrder};

use datafusion::arrow::array::RecordBatch;

use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::state::Touched;

/// What has to be kept of an operator so that it can be made again. Rows that are given back as inputs, in any
/// order and any split, bring it to the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeps {
    Nothing,
    /// The sum of the changes of its inputs.
    Inputs,
    /// The sum of the changes of its output, of which the first columns are the input's.
    Output,
    /// The same, of an operator whose output is those rows of its input that pass. Rows that are given back and do not
    /// pass any more are gone.
    Passed,
    /// What came into its output; of the rows that agree in these columns the newest is enough. The first columns are
    /// the input's.
    Newest(Vec<usize>),
    /// `changed_totals`, by so many first columns.
    Totals {
        groups: usize,
    },
}

/// One operator of a dataflow. Epochs come in order; an epoch's inputs come at once.
pub trait Operator: Send {
    /// The changes of the output that these changes of the inputs make.
    ///
    /// Errors: `Data` when the input breaks a promise (I5). The operator is then broken and not asked again.
    fn apply(&mut self, epoch: u32, inputs: &[&Changes]) -> Result<Changes>;

    /// State rows read and written since the start.
    fn touched(&self) -> Touched {
        Touched::default()
    }
    /// Bytes of state that this operator alone holds.
    fn size(&self) -> usize {
        0
    }
    /// Rows kept out because an expression or a total of theirs failed; they come back when they are corrected.
    fn errors(&self) -> i64 {
        0
    }
    /// See `Keeps`.
    fn keeps(&self) -> Keeps {
        Keeps::Nothing
    }
    /// `Keeps::Totals`: the groups that were touched since the last call, group columns and `_words`; a group that is
    /// gone has zeros. The first call begins to count and gives nothing.
    fn changed_totals(&mut self) -> Result<Option<RecordBatch>> {
        Ok(None)
    }
    /// `Keeps::Totals`: sets groups to what `changed_totals` gave; the changes of the output.
    fn set_totals(&mut self, _epoch: u32, _totals: &RecordBatch) -> Result<Changes> {
        Err(Error::internal("an operator without totals was given some"))
    }
    /// Sets the number of rows kept out, where the rows themselves are not given again.
    fn restore_errors(&mut self, _errors: i64) {}
    /// Reclaims what no reader at `oldest` or later can see.
    fn maintain(&mut self, _oldest: u32) -> Result<()> {
        Ok(())
    }
}

/// Rows that one call of `maintain` reclaims and moves at most, about: keeps an epoch's end short.
const MAINTAIN_ROWS_MAX: usize = 65_536;
