//! The generator: an endless, seeded stream of messages for the tables that it fills.
//!
//! What the world is like comes first: rules, levels, rates, campaigns. Then its time begins (`world`): users click,
//! order and withdraw, networks report, stock moves, rules change. The stream adds what real topics do to all of it:
//! exact duplicates, older versions after newer ones, unreadable messages. What the networks and the clicks lose this
//! way is lost; everybody else sends a message that could not be read again, at once.

use std::collections::VecDeque;

use crate::demo::fault::{Fault, spoil};
use crate::demo::poll::Meaning;
use crate::demo::random::Random;
use crate::demo::tables::{Row, TOPICS};
use crate::demo::world::{Sent, World};

/// Messages that a duplicate is drawn from.
const RECENT_MAX: usize = 1_000;
/// An unreadable message of these is not sent again.
const NOT_REPEATED: [&str; 3] = ["affiliate_txn", "click_events", "system_logs"];

/// What to generate. The shares are parts of all messages, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorOptions {
    pub seed: u64,
    /// Unreadable messages.
    pub bad_share: f64,
    /// Exact duplicates of an earlier message.
    pub duplicate_share: f64,
    /// Versions of an order line that come after a newer one (a part of the messages of affiliate_txn).
    pub disorder_share: f64,
    /// How many users there are: `user_id(0)` to `user_id(users - 1)`, 'u000000' and so on. Low numbers buy most, so
    /// 'u000000' has a balance after a few thousand messages. At least 1. The fraud ring comes on top.
    pub users: u32,
    /// Clicks of a day at the beginning; about three messages follow from each. The App grows to 80 times as many.
    pub clicks_a_day: u32,
    /// Only messages of these topics are given out. The shares above are parts of all, also of those left out.
    pub topics: Vec<&'static str>,
}

impl Default for GeneratorOptions {
    fn default() -> Self {
        GeneratorOptions {
            seed: 1,
            bad_share: 0.01,
            duplicate_share: 0.05,
            disorder_share: 0.02,
            users: 10_000,
            clicks_a_day: 60,
            topics: TOPICS.to_vec(),
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    pub topic: &'static str,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// The row that the value holds; None exactly for an unreadable message.
    pub row: Option<Row>,
    /// Of a record of a network: what it comes to in the form of our own tables.
    pub meanings: Vec<Meaning>,
    /// When it was sent, in the time of the generated world: microseconds since 1970-01-01 UTC. A duplicate has the
    /// time of the first delivery.
    pub at: i64,
    /// The next message belongs to this one: whoever sees this one alone sees half a thing.
    pub with_next: bool,
}

/// An endless stream of messages, decided by the options.
#[derive(Clone, Debug)]
pub struct Generator {
    options: GeneratorOptions,
    random: Random,
    world: World,
    /// Made and not yet given out.
    ready: VecDeque<Generated>,
    recent: Vec<Generated>,
}

impl Generator {
    pub fn new(options: GeneratorOptions) -> Self {
        let world = World::new(&options);
        // What happens to messages is apart from what happens in the world.
        let random = Random::new(!options.seed);
        Generator { options, random, world, ready: VecDeque::new(), recent: vec![] }
    }

    fn next_of_all(&mut self) -> Generated {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return message;
            }
            let rows = self.world.take_rows();
            if rows.is_empty() {
                self.world.step();
            }
            rows.into_iter().for_each(|sent| self.send(sent));
        }
    }

    /// Writes the row as a message, with what happens to messages.
    fn send(&mut self, Sent { row, with_next, meanings }: Sent) {
        if !self.recent.is_empty() && !self.is_in_pair() && self.random.chance(self.options.duplicate_share) {
            let duplicate = self.random.pick(&self.recent).clone();
            self.ready.push_back(duplicate);
        }
        // Duplicates are always readable, so the share among the other messages is higher.
        let bad_share = self.options.bad_share / (1.0 - self.options.duplicate_share);
        let (topic, key, at) = (row.table(), row.message_key(), self.world.now);
        if self.random.chance(bad_share) {
            let fault = *self.random.pick(&Fault::ALL);
            let value = spoil(&row, fault, &mut self.random);
            let is_lost = NOT_REPEATED.contains(&topic);
            let (key, with_next) = (key.clone(), !is_lost);
            self.ready.push_back(Generated { topic, key, value, row: None, meanings: vec![], at, with_next });
            if is_lost {
                return;
            }
        }
        let value = row.to_json(self.random.chance(0.5)).into_bytes();
        let generated = Generated { topic, key, value, row: Some(row), meanings, at, with_next };
        self.remember(&generated);
        self.ready.push_back(generated);
    }

    /// The last message belongs to the one that is to come.
    fn is_in_pair(&self) -> bool {
        self.ready.back().is_some_and(|message| message.with_next)
    }

    fn remember(&mut self, generated: &Generated) {
        let single = Generated { with_next: false, ..generated.clone() };
        if self.recent.len() < RECENT_MAX {
            self.recent.push(single);
        } else {
            let position = self.random.below(RECENT_MAX as u64) as usize;
            self.recent[position] = single;
        }
    }
}

impl Iterator for Generator {
    type Item = Generated;

    /// Never None.
    fn next(&mut self) -> Option<Generated> {
        loop {
            let message = self.next_of_all();
            if self.options.topics.contains(&message.topic) {
                return Some(message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
