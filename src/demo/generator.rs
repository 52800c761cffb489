//! The generator: an endless, seeded stream of messages for the demo's three topics.
//!
//! Rate rules come first. Then order lines live their lives, stock moves and now and then a rule changes, with what
//! real topics do to all of them: exact duplicates, older versions after newer ones, unreadable messages.

use std::collections::VecDeque;

use crate::demo::fault::{Fault, spoil};
use crate::demo::line::OrderLine;
use crate::demo::random::Random;
use crate::demo::row::Row;
use crate::demo::rule::Rules;
use crate::demo::stock;

/// The topics, named like their tables.
pub const TOPICS: [&str; 3] = ["affiliate_txn", "rate_rules", "stock_movements"];

/// Order lines that live at the same time; bounds the generator's memory.
const LIVE_LINES_MAX: usize = 10_000;
/// Messages that a duplicate is drawn from.
const RECENT_MAX: usize = 1_000;
/// One message in this many changes a rule. Each change touches all lines of a merchant, so they are rare.
const MESSAGES_PER_RULE_CHANGE: u64 = 2_000;

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
    /// 'u000000' has a balance after a few thousand messages. At least 1.
    pub users: u32,
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
}

/// The identifier of a user: 'u000123'.
pub fn user_id(number: u32) -> String {
    format!("u{number:06}")
}

/// An endless stream of messages, decided by the options.
#[derive(Clone, Debug)]
pub struct Generator {
    options: GeneratorOptions,
    random: Random,
    rules: Rules,
    lines: Vec<OrderLine>,
    lines_made: u64,
    movements_made: u64,
    /// Disordered pairs that are due but had no line that could give two versions.
    disorder_due: u32,
    /// Made and not yet given out.
    ready: VecDeque<Generated>,
    recent: Vec<Generated>,
}

impl Generator {
    pub fn new(options: GeneratorOptions) -> Self {
        let mut random = Random::new(options.seed);
        let rules = Rules::new(&mut random);
        Generator {
            options,
            random,
            rules,
            lines: vec![],
            lines_made: 0,
            movements_made: 0,
            disorder_due: 0,
            ready: VecDeque::new(),
            recent: vec![],
        }
    }

    fn next_of_all(&mut self) -> Generated {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return message;
            }
            if !self.recent.is_empty() && self.random.chance(self.options.duplicate_share) {
                return self.random.pick(&self.recent).clone();
            }
            self.make();
        }
    }

    /// Makes the next messages: one, or two in the wrong order.
    fn make(&mut self) {
        if let Some(rule) = self.rules.open(&mut self.random) {
            return self.push(Row::RateRule(rule));
        }
        if self.random.below(MESSAGES_PER_RULE_CHANGE) == 0 {
            return self.change_rule();
        }
        if self.random.chance(0.6) {
            return self.make_txn();
        }
        self.movements_made += 1;
        let movement = stock::movement(self.movements_made, &mut self.random);
        self.push(Row::StockMovement(movement));
    }

    /// A rule changes; one time in ten twice, and the newer version arrives first.
    fn change_rule(&mut self) {
        if self.random.chance(0.1) {
            let [older, newer] = self.rules.update_twice(&mut self.random);
            self.push(Row::RateRule(newer));
            self.push(Row::RateRule(older));
        } else {
            let rule = self.rules.update(&mut self.random);
            self.push(Row::RateRule(rule));
        }
    }

    /// A line begins or goes on; now and then two versions of it arrive in the wrong order.
    fn make_txn(&mut self) {
        if self.random.chance(self.options.disorder_share) {
            self.disorder_due += 1;
        }
        let mut line = self.take_line();
        let first = Row::AffiliateTxn(Box::new(line.txn.clone()));
        if self.disorder_due > 0 && line.advance(&mut self.random) {
            self.disorder_due -= 1;
            self.push(Row::AffiliateTxn(Box::new(line.txn.clone())));
        }
        self.push(first);
        self.lines.push(line);
    }

    /// A line with a new version: a new one, or one that went on. It is out of `lines` until it is put back.
    fn take_line(&mut self) -> OrderLine {
        while !self.lines.is_empty() && (self.lines.len() >= LIVE_LINES_MAX || self.random.chance(0.7)) {
            let position = self.random.below(self.lines.len() as u64) as usize;
            let mut line = self.lines.swap_remove(position);
            if line.advance(&mut self.random) {
                return line;
            }
        }
        self.lines_made += 1;
        OrderLine::new(self.lines_made, self.options.users.max(1), &mut self.random)
    }

    /// Writes the row as a message, or as an unreadable one.
    fn push(&mut self, row: Row) {
        let (topic, key) = (row.table(), row.message_key());
        // Duplicates are always readable, so the share among the other messages is higher.
        let bad_share = self.options.bad_share / (1.0 - self.options.duplicate_share);
        let generated = if self.random.chance(bad_share) {
            let fault = *self.random.pick(&Fault::ALL);
            Generated { topic, key, value: spoil(&row, fault, &mut self.random), row: None }
        } else {
            let value = row.to_json(self.random.chance(0.5)).into_bytes();
            Generated { topic, key, value, row: Some(row) }
        };
        if generated.row.is_some() {
            self.remember(&generated);
        }
        self.ready.push_back(generated);
    }

    fn remember(&mut self, generated: &Generated) {
        if self.recent.len() < RECENT_MAX {
            self.recent.push(generated.clone());
        } else {
            let position = self.random.below(RECENT_MAX as u64) as usize;
            self.recent[position] = generated.clone();
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
