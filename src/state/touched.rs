//! The counters that prove that work follows what changed.

use std::iter::Sum;

/// State rows that an operator has read and written since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    pub read: u64,
    pub written: u64,
}

impl Sum for Touched {
    fn sum<I: Iterator<Item = Touched>>(all: I) -> Touched {
        let add =
            |sum: Touched, one: Touched| Touched { read: sum.read + one.read, written: sum.written + one.written };
        all.fold(Touched::default(), add)
    }
}
