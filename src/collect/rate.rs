//! So many calls in a time, counted here: in any stretch of that length there are no more. A restart forgets the calls
//! before it; the network's 429 tells of them.

use std::collections::VecDeque;

use crate::network::Rate;

/// The times of the last calls, as many as are allowed.
#[derive(Debug)]
pub(super) struct Calls {
    rate: Rate,
    at_us: VecDeque<i64>,
}

impl Calls {
    pub fn new(rate: Rate) -> Calls {
        Calls { rate, at_us: VecDeque::new() }
    }

    /// Takes a call: None, or how long to wait before asking again.
    pub fn take(&mut self, now_us: i64) -> Option<i64> {
        // A clock that was set back waits once, at most.
        while self.at_us.front().is_some_and(|at| !(0..=self.rate.per.us).contains(&(now_us - at))) {
            self.at_us.pop_front();
        }
        if self.at_us.len() >= self.rate.calls as usize {
            return self.at_us.front().map(|at| at + self.rate.per.us + 1 - now_us);
        }
        self.at_us.push_back(now_us);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Span;

    #[test]
    fn no_stretch_has_more_calls() {
        let mut calls = Calls::new(Rate { calls: 20, per: Span::seconds(60) });
        let (mut now, mut taken) = (0, vec![]);
        while taken.len() < 100 {
            match calls.take(now) {
                None => taken.push(now),
                Some(wait) => now += wait,
            }
            now += 1_700_000;
        }
        assert!(taken.windows(21).all(|few| few[20] - few[0] > 60_000_000), "{taken:?}");
        assert!(now < 5 * 62_000_000 + 100 * 1_700_000, "and not much fewer");
        assert!(calls.take(0).is_none(), "back in time");
    }
}
