//! The life of an order line: paid, received, approved, payable; declined, partly refunded or reversed on the way.

use crate::demo::generator::user_id;
use crate::demo::random::Random;
use crate::demo::row::AffiliateTxn;
use crate::demo::rule::{MERCHANTS, PLATFORMS, category_id, merchant_id};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
/// 2026-11-01T00:00:00Z; lines are paid in the thirty days from here.
pub(super) const FIRST_DAY_US: i64 = 1_793_491_200_000_000;

/// What happens next to a line.
enum Step {
    Status(&'static str),
    PartialRefund,
    End,
}

/// An order line at its newest version.
#[derive(Clone, Debug)]
pub(super) struct OrderLine {
    number: u64,
    version: u32,
    pub(super) txn: AffiliateTxn,
}

impl OrderLine {
    /// A new line, just paid.
    pub(super) fn new(number: u64, users: u32, random: &mut Random) -> Self {
        let (platform, currency) = *random.pick(&PLATFORMS);
        let pay_time = FIRST_DAY_US + random.below(30 * DAY_US as u64 / 1000) as i64 * 1000;
        let pay_amount = 100 + i128::from(random.skewed(200_000));
        let commission_rate = 10_000 + i128::from(random.below(290)) * 1000;
        let txn = AffiliateTxn {
            event_id: String::new(),
            platform,
            order_line_id: format!("L{number:09}"),
            source_modified: pay_time,
            status: "PENDING",
            status_rank: rank("PENDING"),
            user_id: user_id(random.skewed(u64::from(users)) as u32),
            merchant_id: merchant_id(random.skewed(MERCHANTS)),
            item_id: format!("i{:06}", random.below(300_000)),
            category_id: category_id(random),
            campaign_id: random.chance(0.2).then(|| format!("c{:02}", random.below(20))),
            currency,
            pay_amount,
            commission_rate,
            est_commission: pay_amount * commission_rate / 1_000_000,
            act_commission: None,
            service_fee_rate: if random.chance(0.5) { 100_000 } else { 0 },
            pay_time,
            receive_time: None,
            settle_time: None,
            ingest_time: 0,
        };
        let mut line = OrderLine { number, version: 0, txn };
        line.publish(random.below(30 * 60_000) as i64 * 1000, random);
        line
    }

    /// The next version, if the line's life goes on.
    pub(super) fn advance(&mut self, random: &mut Random) -> bool {
        match next_step(self.txn.status, random.below(100)) {
            Step::End => return false,
            Step::Status(status) => self.enter(status),
            Step::PartialRefund => {
                let kept_percent = 20 + i128::from(random.below(70));
                let commission = self.txn.act_commission.unwrap_or(self.txn.est_commission);
                self.txn.act_commission = Some(commission * kept_percent / 100);
            }
        }
        self.publish(HOUR_US + random.below(9 * DAY_US as u64 / 1000) as i64 * 1000, random);
        if self.txn.status == "RECEIVED" && self.txn.receive_time.is_none() {
            self.txn.receive_time = Some(self.txn.source_modified);
        }
        if self.txn.status == "PAYABLE" && self.txn.settle_time.is_none() {
            self.txn.settle_time = Some(self.txn.source_modified);
        }
        true
    }

    fn enter(&mut self, status: &'static str) {
        self.txn.status = status;
        self.txn.status_rank = rank(status);
        match status {
            "RECEIVED" => self.txn.act_commission = Some(self.txn.est_commission),
            "DECLINED" | "REVERSED" => self.txn.act_commission = Some(0),
            _ => {}
        }
    }

    /// Makes the current state a version of its own, `after_us` after the one before.
    fn publish(&mut self, after_us: i64, random: &mut Random) {
        self.version += 1;
        self.txn.event_id = format!("e{:09}.{}", self.number, self.version);
        self.txn.source_modified += after_us;
        self.txn.ingest_time = self.txn.source_modified + 1_000_000 + random.below(30_000_000) as i64;
    }
}

/// What a roll of 0 to 99 means for a line in this state.
fn next_step(status: &str, roll: u64) -> Step {
    match (status, roll) {
        ("PENDING", ..85) => Step::Status("RECEIVED"),
        ("PENDING", _) => Step::Status("DECLINED"),
        ("RECEIVED", ..75) => Step::Status("APPROVED"),
        ("RECEIVED", ..88) => Step::PartialRefund,
        ("RECEIVED", _) => Step::Status("DECLINED"),
        ("APPROVED", ..90) => Step::Status("PAYABLE"),
        ("APPROVED", ..95) => Step::PartialRefund,
        ("APPROVED", _) => Step::Status("REVERSED"),
        ("PAYABLE", ..8) => Step::Status("REVERSED"),
        ("PAYABLE", ..12) => Step::PartialRefund,
        _ => Step::End,
    }
}

/// The tie-break between versions with one modification time.
fn rank(status: &str) -> i64 {
    match status {
        "PENDING" => 1,
        "RECEIVED" => 2,
        "APPROVED" => 3,
        "PAYABLE" => 4,
        "DECLINED" => 5,
        _ => 6,
    }
}
