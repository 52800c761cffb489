//! The state of the generated world, and the step from one thing that happens to the next.

use crate::demo::agenda::{Agenda, Task};
use crate::demo::books::Books;
use crate::demo::calendar::{DAY_US, FIRST_DAY_US, day_start, month};
use crate::demo::campaign::reference_rows;
use crate::demo::generator::GeneratorOptions;
use crate::demo::poll::{Desks, Meaning};
use crate::demo::random::Random;
use crate::demo::rule::Rules;
use crate::demo::statement::Settled;
use crate::demo::stock::Shelves;
use crate::demo::tables::Row;
use crate::demo::users::{Users, levels};

/// A row of this moment.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) row: Row,
    /// The next one belongs to it: whoever sees the one and not the other sees half a thing.
    pub(super) with_next: bool,
    pub(super) meanings: Vec<Meaning>,
}

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
    /// Clicks of a day at the beginning.
    pub(super) clicks_a_day: i64,
    pub(super) desks: Desks,
    out: Vec<Sent>,
    numbers: u64,
}

impl World {
    /// A world at its beginning, with the rows that say what it is like.
    pub(super) fn new(options: &GeneratorOptions) -> World {
        let mut random = Random::new(options.seed);
        let rules = Rules::new(&mut random);
        let mut world = World {
            now: FIRST_DAY_US,
            random,
            agenda: Agenda::default(),
            users: Users::new(options.users.max(1)),
            rules,
            books: Books::default(),
            shelves: Shelves::default(),
            settled: Settled::default(),
            desks: Desks::default(),
            disorder_share: options.disorder_share,
            clicks_a_day: i64::from(options.clicks_a_day.max(1)),
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
            Task::Poll(api) => self.poll(api),
            Task::Claim(claim) => self.decide(*claim),
            Task::Coupon(coupon) => self.end_coupon(*coupon),
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
        self.out.push(Sent { row: row.into(), with_next: false, meanings: vec![] });
    }

    /// A message that the next one belongs to.
    pub(super) fn push_with_next(&mut self, row: impl Into<Row>) {
        self.out.push(Sent { row: row.into(), with_next: true, meanings: vec![] });
    }

    /// A message with what it means in our own form.
    pub(super) fn push_meaning(&mut self, row: impl Into<Row>, with_next: bool, meanings: Vec<Meaning>) {
        self.out.push(Sent { row: row.into(), with_next, meanings });
    }

    /// What was sent since the last call.
    pub(super) fn take_rows(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.out)
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
