//! The networks' monthly statements: what they settled in a month, but for a few lines that differ.

use crate::demo::tables::{AffiliateTxn, StatementLine};
use crate::demo::world::World;

/// Lines that are left out, and lines with another amount; so many of a thousand each.
const MISSING: u64 = 1;
const DIFFERENT: u64 = 2;

/// What was settled since the last statement.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    lines: Vec<(&'static str, String, &'static str, i128)>,
}

impl Settled {
    pub(super) fn add(&mut self, txn: &AffiliateTxn, commission: i128) {
        self.lines.push((txn.platform, txn.order_line_id.clone(), txn.currency, commission));
    }

    pub(super) fn take_back(&mut self, txn: &AffiliateTxn, commission: i128) {
        self.add(txn, -commission);
    }
}

impl World {
    /// A file of this month with all networks' lines.
    pub(super) fn send_statements(&mut self, first_day: i64) {
        let file_id = format!("s{:07}", self.number());
        for (line_no, (platform, order_line_id, currency, mut commission)) in
            std::mem::take(&mut self.settled.lines).into_iter().enumerate()
        {
            let roll = self.random.below(1_000);
            if roll < MISSING {
                continue;
            }
            if roll < MISSING + DIFFERENT {
                commission -= 1 + i128::from(self.random.below(50));
            }
            self.push(StatementLine {
                file_id: file_id.clone(),
                line_no: line_no as i64,
                platform,
                order_line_id,
                statement_month: first_day,
                commission,
                currency,
            });
        }
        self.put_down_statement();
    }
}
