//! What is refused, and errors with their place in the SQL.
//!
//! ```text
//! the text     syntax, clauses   what has no operator; what stands where it means nothing
//! the plan     plans             what shows only when names and types are resolved
//! its errors   words             what DataFusion says of wrong SQL, in plain words; places: where
//! ```
//! Rule: `Invalid` is wrong SQL, `Refused` is SQL that is not maintained. Each has a place, as narrow as is known, and
//! a hint that says what to write instead.

mod clauses;
mod places;
mod plans;
mod syntax;
mod words;

pub use places::{
    column as column_place, function as function_place, unequal_join as unequal_join_place, window as window_place,
};
pub use plans::{check as check_plan, check_query};
pub use syntax::check as check_text;
pub use words::{at_place, in_view};
