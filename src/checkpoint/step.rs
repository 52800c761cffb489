//! The step from one position to a later one, and the proof that a commit's rows lie inside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Offsets;
use crate::error::{Error, Result};

/// What lies between two positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step(BTreeMap<(Arc<str>, i32), Range>);

/// The offsets [from, to) of one partition. `from` is None where the partition was not read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: Option<i64>,
    to: i64,
}

impl Offsets {
    /// The step from here to `to`. Refused if a partition goes back, or is no longer named.
    pub fn until(&self, to: &Offsets) -> Result<Step> {
        for (topic, partition, next) in self.iter() {
            match to.get(topic, partition) {
                None => {
                    return Err(Error::internal(format!("offsets lose partition {partition} of topic {topic}")));
                }
                Some(later) if later < next => return Err(overlap(topic, partition, next, later)),
                Some(_) => {}
            }
        }
        let range = |(topic, partition, to): (&Arc<str>, i32, i64)| {
            let from = self.get(topic, partition);
            ((topic.clone(), partition), Range { from, to })
        };
        Ok(Step(to.iter().map(range).filter(|(_, range)| range.from != Some(range.to)).collect()))
    }

    /// Moves on by a step. Refused, and nothing changes, unless each of its ranges begins exactly here.
    pub fn extend(&mut self, step: &Step) -> Result<()> {
        for ((topic, partition), range) in &step.0 {
            match (self.get(topic, *partition), range.from) {
                (here, from) if here == from => {}
                (Some(here), Some(from)) if from > here => return Err(gap(topic, *partition, here, from)),
                (None, Some(from)) => return Err(gap(topic, *partition, 0, from)),
                (here, from) => return Err(overlap(topic, *partition, here.unwrap_or(0), from.unwrap_or(0))),
            }
        }
        for ((topic, partition), range) in &step.0 {
            self.set(topic, *partition, range.to);
        }
        Ok(())
    }
}

fn gap(topic: &str, partition: i32, here: i64, from: i64) -> Error {
    Error::internal(format!("gap in partition {partition} of topic {topic}: stands at {here}, continues at {from}"))
}

fn overlap(topic: &str, partition: i32, here: i64, from: i64) -> Error {
    Error::internal(format!("overlap in partition {partition} of topic {topic}: stands at {here}, goes back to {from}"))
}

impl Step {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refused unless all counted messages lie inside this step and are no more than it holds. There may be fewer:
    /// a topic has offsets without messages (transaction markers, compacted keys).
    pub fn holds(&self, counted: &Counted) -> Result<()> {
        for ((topic, partition), seen) in &counted.0 {
            let inside = self.0.get(&(topic.clone(), *partition)).is_some_and(|range| {
                let from = range.from.unwrap_or(seen.first);
                from <= seen.first && seen.last < range.to && seen.messages <= (range.to - from).unsigned_abs()
            });
            if !inside {
                return Err(Error::internal(format!(
                    "{} messages at offsets {} to {} of partition {partition} of topic {topic} are not in the step",
                    seen.messages, seen.first, seen.last
                )));
            }
        }
        Ok(())
    }
}

/// How many messages were seen in each partition, and the first and last offset among them.
#[derive(Clone, Debug, Default)]
pub struct Counted(BTreeMap<(Arc<str>, i32), Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    first: i64,
    last: i64,
    messages: u64,
}

impl Counted {
    /// Adds messages of one partition at these offsets.
    pub fn add(&mut self, topic: &Arc<str>, partition: i32, offsets: impl IntoIterator<Item = i64>) {
        let mut offsets = offsets.into_iter();
        let Some(first) = offsets.next() else { return };
        let seen = self.0.entry((topic.clone(), partition)).or_insert(Seen { first, last: first, messages: 0 });
        for offset in std::iter::once(first).chain(offsets) {
            seen.first = seen.first.min(offset);
            seen.last = seen.last.max(offset);
            seen.messages += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(all: &[(&str, i32, i64)]) -> Offsets {
        all.iter().copied().collect()
    }

    #[test]
    fn a_step_leads_from_one_position_to_the_other() {
        let (before, after) = (at(&[("a", 0, 5), ("a", 1, 3)]), at(&[("a", 0, 9), ("a", 1, 3), ("b", 0, 4)]));
        let step = before.until(&after).unwrap();
        let mut here = before.clone();
        here.extend(&step).unwrap();
        assert_eq!(here, after);
        assert!(after.until(&after).unwrap().is_empty());
        assert!(!step.is_empty());
    }

    #[test]
    fn gaps_and_overlaps_are_refused_and_change_nothing() {
        let step = at(&[("a", 0, 5)]).until(&at(&[("a", 0, 9)])).unwrap();
        for (position, message) in [(4, "gap"), (6, "overlap"), (9, "overlap")] {
            let mut here = at(&[("a", 0, position)]);
            let error = here.extend(&step).unwrap_err();
            assert!(error.message.starts_with(message), "{position}: {error}");
            assert_eq!(here, at(&[("a", 0, position)]));
        }
        assert!(Offsets::new().extend(&step).unwrap_err().message.starts_with("gap"));
        let first = Offsets::new().until(&at(&[("a", 0, 9)])).unwrap();
        assert!(at(&[("a", 0, 2)]).extend(&first).unwrap_err().message.starts_with("overlap"));
    }

    #[test]
    fn a_position_neither_goes_back_nor_loses_a_partition() {
        let here = at(&[("a", 0, 5), ("a", 1, 1)]);
        assert!(here.until(&at(&[("a", 0, 4), ("a", 1, 1)])).unwrap_err().message.starts_with("overlap"));
        assert!(here.until(&at(&[("a", 0, 5)])).unwrap_err().message.contains("lose partition 1"));
    }

    #[test]
    fn counted_messages_must_lie_inside_the_step() {
        let step = at(&[("a", 0, 5)]).until(&at(&[("a", 0, 9), ("b", 0, 100)])).unwrap();
        let counted = |topic: &str, offsets: &[i64]| {
            let mut counted = Counted::default();
            counted.add(&topic.into(), 0, offsets.iter().copied());
            counted
        };
        for (topic, offsets, held) in [
            ("a", &[5, 6, 7, 8][..], true),
            ("a", &[8, 5], true),
            ("a", &[], true),
            ("a", &[4, 5], false),
            ("a", &[9], false),
            ("a", &[5, 6, 6, 7, 8], false),
            ("b", &[98, 99], true),
            ("b", &[100], false),
            ("c", &[0], false),
        ] {
            assert_eq!(step.holds(&counted(topic, offsets)).is_ok(), held, "{topic} {offsets:?}");
        }
    }
}
