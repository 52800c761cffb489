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
mod semi;
#[cfg(test)]
mod tests;
mod top;
mod totals;
mod union;
mod unnest;
mod window;
mod window_rows;
mod window_running;

pub use aggregate::Aggregate;
pub use arrange::Arrange;
pub use join::{Join, Side};
pub use latest::Latest;
pub use linear::Linear;
pub use ordered_latest::OrderedLatest;
pub use range_filter::RangeFilter;
pub use semi::Semi;
pub use top::Top;
pub use union::Union;
pub use unnest::Unnest;
pub use window::{Window, WindowOrder};

use crate::changes::Changes;
use crate::error::Result;
use crate::state::Touched;

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
    /// Reclaims what no reader at `oldest` or later can see.
    fn maintain(&mut self, _oldest: u32) -> Result<()> {
        Ok(())
    }
}

/// Rows that one call of `maintain` reclaims and moves at most, about: keeps an epoch's end short.
const MAINTAIN_ROWS_MAX: usize = 65_536;
