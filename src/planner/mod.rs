//! From SQL text to a plan of incremental operators.
//!
//! ```text
//! SELECT ... ─DataFusion─▶ logical plan ─canonical()─▶ canonical plan ─rules─▶ optimized ─compile()─▶ Plan
//!                                                           └─▶ the batch oracle runs this one
//! ```
//! Contract: what a `Plan` maintains equals what DataFusion returns for the canonical plan. SQL that cannot be kept so
//! is refused here, with its place in the text.

mod batch;
mod canonical;
mod checked;
mod coercion;
mod compile;
mod exact;
mod filters_down;
mod float_total;
mod fold;
mod folded;
mod grouping_sets;
mod memory;
mod money;
mod never_true;
mod null_equality;
mod one_zero;
mod ordered;
mod outer_types;
mod percentile;
mod plan;
mod proof;
mod refuse;
mod session;
mod sets;
mod size;
mod text_function;
mod two_zeros;
mod warnings;
mod window_function;

pub use batch::{query_plan, with_batch_rules};
pub use exact::{average_units, avg as exact_avg, sum as exact_sum};
pub use float_total::{FLOAT_WORDS, add_float, float_total};
pub use fold::{Fold, Folding, Reads};
pub use memory::PlanMemory;
pub use ordered::sorted;
pub use plan::{
    AggregateKind, BitFunction, Compared, Expression, Function, Join, Op, Plan, PlanNumbers, Retained, Semi, Top,
    Unnest,
};
pub use session::{Planner, Relation, ViewPlan};
pub use size::check_size;
pub use window_function::{Bound, Nulls, Reach, Run, Running, WindowFunction};
