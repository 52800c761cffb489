//! What will happen when: the generator's own time, which jumps from one thing to the next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::demo::line::OrderLine;
use crate::demo::poll::Api;
use crate::demo::stock::Reservation;
use crate::demo::tables::{Claim, ClickEvent, Coupon, Row, Withdrawal};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Somebody clicks, and the next click is put down.
    Click,
    /// The buyer of a click orders.
    Order(Box<ClickEvent>),
    /// The next step of an order line.
    Line(Box<OrderLine>),
    /// A report that was late arrives.
    Deliver(Row),
    /// Reserved pieces are sold or released.
    Reservation(Box<Reservation>),
    /// Sold pieces come back.
    Return(Box<Reservation>),
    /// New pieces of a SKU come to a warehouse.
    Restock(u64, u64),
    /// A user asks for his money.
    Withdraw(u32, &'static str),
    /// A withdrawal goes on.
    Withdrawal(Box<Withdrawal>, u32),
    /// The networks send the statements of the month that began at this day.
    Statement(i64),
    /// The fraud ring is at work.
    Ring,
    /// A rule changes.
    Rule,
    /// A collector asks a network what changed.
    Poll(Api),
    /// A claim is decided.
    Claim(Box<Claim>),
    /// A coupon is used, or its time is over.
    Coupon(Box<Coupon>),
}

#[derive(Clone, Debug)]
struct Entry {
    at: i64,
    number: u64,
    task: Task,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest: a heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Tasks by time; those of one instant in the order in which they were put down.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Entry>,
    made: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at: i64, task: Task) {
        self.made += 1;
        self.entries.push(Entry { at, number: self.made, task });
    }

    /// The next task with its time.
    pub(super) fn next(&mut self) -> Option<(i64, Task)> {
        self.entries.pop().map(|entry| (entry.at, entry.task))
    }
}
