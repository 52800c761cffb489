//! The state of the generated world, and the step from one thing that happens to the next.

use crate::demo::agenda::{Agenda, Task};
use crate::demo::books::Books;
use crate::demo::calendar::{DAY_US, FIRST_DAY_US, day_start, month};
use crate::demo::campaign::reference_rows;
use crate::demo::random::Random;
use crate::demo::rule::Rules;
use crate::demo::statement::Settled;
use crate::demo::stock::Shelves;
use crate::demo::tables::Row;
use crate::demo::users::{Users, levels};

/// Everything that what comes next depends on.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Microseconds since 1970-01-01 UTC.
    pub(super) now: i64,
    pub(super) random: Random,
    pub(super) agenda: Agenda,
    pub(super) users: Users,
    pub(super) rules: Rules,
    pub(super) books: Books,
    pub(super) shelves: Shelves,
    pub(super) settled: Settled,
    /// The share of reports that arrive after a newer one.
    pub(super) disorder_share: f64,
    /// Rows of this moment, each with whether the next one belongs to it.
    out: Vec<(Row, bool)>,
    numbers: u64,
}

impl World {
    /// A world at its beginning, with the rows that say what it is like.
    pub(super) fn new(seed: u64, users: u32, disorder_share: f64) -> World {
        let mut random = Random::new(seed);
        let rules = Rules::new(&mut random);
        let mut world = World {
            now: FIRST_DAY_US,
            random,
            agenda: Agenda::default(),
            users: Users::new(users),
            rules,
            books: Books::default(),
            shelves: Shelves::default(),
            settled: Settled::default(),
            disorder_share,
            out: vec![],
            numbers: 0,
        };
        while let Some(rule) = world.rules.open(&mut world.random) {
            world.push(rule);
        }
        levels().chain(reference_rows()).for_each(|row| world.push(row));
        world.agenda.add(FIRST_DAY_US, Task::Click);
        world.agenda.add(FIRST_DAY_US + DAY_US / 2, Task::Rule);
        world.agenda.add(FIRST_DAY_US + 3 * DAY_US, Task::Ring);
        world.put_down_statement();
        world
    }

    /// The next thing happens.
    pub(super) fn step(&mut self) {
        let Some((at, task)) = self.agenda.next() else { return };
        self.now = at;
        match task {
            Task::Click => self.click(),
            Task::Order(click) => self.order(&click),
            Task::Line(line) => self.live(*line),
            Task::Deliver(row) => self.push(row),
            Task::Reservation(reservation) => self.end_reservation(*reservation),
            Task::Return(reservation) => self.take_back(&reservation),
            Task::Restock(sku, warehouse) => self.restock(sku, warehouse),
            Task::Withdraw(user, currency) => self.withdraw(user, currency),
            Task::Withdrawal(withdrawal, user) => self.go_on(*withdrawal, user),
            Task::Statement(first_day) => self.send_statements(first_day),
            Task::Ring => self.ring(),
            Task::Rule => self.change_rule(),
        }
    }

    /// The statements of this month come on the 25th, after the settlement wave.
    pub(super) fn put_down_statement(&mut self) {
        let first_day = month(self.now, 0);
        let due = day_start(first_day + 24);
        let (due, first_day) = if due > self.now {
            (due, first_day)
        } else {
            let next = month(self.now, 1);
            (day_start(next + 24), next)
        };
        self.agenda.add(due, Task::Statement(first_day));
    }

    /// A message.
    pub(super) fn push(&mut self, row: impl Into<Row>) {
        self.out.push((row.into(), false));
    }

    /// A message that the next one belongs to: whoever sees the one and not the other sees half a thing.
    pub(super) fn push_with_next(&mut self, row: impl Into<Row>) {
        self.out.push((row.into(), true));
    }

    /// What was sent since the last call.
    pub(super) fn take_rows(&mut self) -> Vec<(Row, bool)> {
        std::mem::take(&mut self.out)
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
