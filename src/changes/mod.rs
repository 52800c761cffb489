//! Changes: the only thing that flows between operators, and the events they start from.
//!
//! Contract: a change is a row and a weight; +1 inserts it once, -1 takes it out once. Two lists of changes mean the
//! same if, for each row, their weights have the same sum.

mod batch;
mod clock;
mod events;

pub use batch::{Changes, take_rows};
pub use clock::{clock_changes, newest_as_of};
pub use events::{DeadLetter, EventBatch, Position, REPLAY_OF, Replay};
