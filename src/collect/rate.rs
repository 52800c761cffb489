//! A token bucket: so many calls in a time, in a burst or evenly.

use crate::network::Rate;

/// Microseconds of waiting are the currency: a call costs `per / calls`, and at most `per` is saved up.
#[derive(Debug)]
pub(super) struct Bucket {
    cost_us: i64,
    saved_max_us: i64,
    saved_us: i64,
    last_us: i64,
}

impl Bucket {
    /// Full at `now_us`.
    pub fn new(rate: Rate, now_us: i64) -> Bucket {
        // Rounded up: never more calls than allowed.
        let cost_us = (rate.per.us + i64::from(rate.calls) - 1) / i64::from(rate.calls);
        let saved_max_us = cost_us * i64::from(rate.calls);
        Bucket { cost_us, saved_max_us, saved_us: saved_max_us, last_us: now_us }
    }

    /// Takes a call: None, or how long to wait before asking again.
    pub fn take(&mut self, now_us: i64) -> Option<i64> {
        // A clock that was set back brings nothing.
        self.saved_us = (self.saved_us + (now_us - self.last_us).max(0)).min(self.saved_max_us);
        self.last_us = now_us;
        if self.saved_us < self.cost_us {
            return Some(self.cost_us - self.saved_us);
        }
        self.saved_us -= self.cost_us;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Span;

    #[test]
    fn no_window_has_more_calls_than_a_burst_and_its_share() {
        let mut bucket = Bucket::new(Rate { calls: 20, per: Span::seconds(60) }, 0);
        let mut now = 0;
        let mut calls = vec![];
        while calls.len() < 100 {
            match bucket.take(now) {
                None => calls.push(now),
                Some(wait) => now += wait,
            }
        }
        assert_eq!(calls.iter().filter(|at| **at == 0).count(), 20, "a burst");
        assert_eq!(calls[99], 80 * 3_000_000, "then a call in 3 s");
        assert_eq!(bucket.take(0), Some(3_000_000), "back in time");
    }
}
