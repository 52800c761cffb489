//! A day of order lines that networks report, and what must come out of it.

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

/// 2026-11-10T16:00:00Z: the first second of 11 November in Beijing.
pub const BEGIN_US: i64 = 1_794_326_400_000_000;
pub const SECOND_US: i64 = 1_000_000;
pub const DAY_US: i64 = 86_400 * SECOND_US;

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Paid,
    /// Settled, with another commission.
    Settled,
    Cancelled,
}

/// An order line: its steps with their times, ascending.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: String,
    pub steps: Vec<(i64, Step)>,
    /// Cents, at the payment and settled.
    pub cents: [i64; 2],
    /// A step shows so much later than it is dated.
    pub lag_us: i64,
}

/// Commission as networks write it.
fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

impl Line {
    /// The steps that show at a time.
    pub fn seen(&self, now_us: i64) -> &[(i64, Step)] {
        let count = self.steps.iter().filter(|(at, _)| at + self.lag_us <= now_us).count();
        &self.steps[..count]
    }

    /// The commission after some steps.
    fn cents_after(&self, steps: &[(i64, Step)]) -> i64 {
        match steps.last() {
            Some((_, Step::Paid)) => self.cents[0],
            Some((_, Step::Settled)) => self.cents[1],
            Some((_, Step::Cancelled)) | None => 0,
        }
    }
}

/// Lines of a day, most of them in its first hour; seeded.
pub fn lines(seed: u64, count: usize) -> Vec<Line> {
    let mut random = fastrand::Rng::with_seed(seed);
    let line = |i: usize| {
        let second = if random.u8(0..3) > 0 { random.i64(0..3_600) } else { random.i64(0..80_000) };
        let mut steps = vec![(BEGIN_US + second * SECOND_US, Step::Paid)];
        // Some change within minutes, while their pages are being turned.
        let after = if random.bool() { random.i64(1..300) } else { random.i64(300..40_000) };
        let at = steps[0].0 + after * SECOND_US;
        match random.u8(0..3) {
            _ if at >= BEGIN_US + DAY_US => {}
            0 => steps.push((at, Step::Settled)),
            1 => steps.push((at, Step::Cancelled)),
            _ => {}
        }
        let cents = random.i64(10..50_000);
        let lag_us = random.i64(0..60) * SECOND_US;
        Line { id: format!("{}", 700_000 + i), steps, cents: [cents, cents - random.i64(1..10)], lag_us }
    };
    (0..count).map(line).collect()
}

/// The networks that the local server can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Tbk,
    Jd,
    Pdd,
    Awin,
    Cj,
    Impact,
    ImpactUpdates,
}

/// Microseconds as text of a form, in a zone of whole hours.
pub fn time(us: i64, form: &str, hours: i32) -> String {
    let zone = FixedOffset::east_opt(hours * 3_600).expect("a zone");
    DateTime::from_timestamp_micros(us).expect("a time").with_timezone(&zone).format(form).to_string()
}

const LOCAL: &str = "%Y-%m-%d %H:%M:%S";
const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";

impl Network {
    pub fn definition(self) -> &'static str {
        match self {
            Network::Tbk => "tbk",
            Network::Jd => "jd",
            Network::Pdd => "pdd",
            Network::Awin => "awin",
            Network::Cj => "cj",
            Network::Impact => "impact",
            Network::ImpactUpdates => "impact_updates",
        }
    }

    /// The records of a line as they show now, each with its time of change.
    pub fn records(self, line: &Line, now_us: i64) -> Vec<(i64, Value)> {
        let steps = line.seen(now_us);
        let Some(&(at_us, step)) = steps.last() else { return vec![] };
        let paid_us = line.steps[0].0;
        let state = |states: [&str; 3]| states[step as usize].to_string();
        let (now, paid) = (amount(line.cents_after(steps)), amount(line.cents[0]));
        let record = match self {
            Network::Tbk => json!({
                "trade_id": line.id, "trade_parent_id": format!("p{}", line.id), "tk_status": state(["12", "3", "13"]),
                "modified_time": time(at_us, LOCAL, 8), "tb_paid_time": time(paid_us, LOCAL, 8), "adzone_id": 1,
                "alipay_total_price": "1000.00", "pub_share_pre_fee": paid, "pub_share_fee": now, "tk_earning_time": "--",
            }),
            Network::Jd => json!({
                "id": line.id, "orderId": 5, "modifyTime": time(at_us, LOCAL, 8), "orderTime": time(paid_us, LOCAL, 8),
                "validCode": state(["16", "17", "3"]).parse::<u8>().expect("a code"), "estimateFee": paid,
                "actualFee": now, "estimateCosPrice": "1000.00", "payMonth": "0",
            }),
            Network::Pdd => json!({
                "order_sn": line.id, "order_status": state(["1", "5", "4"]).parse::<u8>().expect("a code"),
                "order_modify_at": at_us / SECOND_US, "order_pay_time": paid_us / SECOND_US, "order_amount": 100_000,
                "promotion_amount": if step == Step::Settled { line.cents[1] } else { line.cents[0] },
                "order_create_time": paid_us / SECOND_US,
            }),
            Network::Awin => json!({
                "id": line.id.parse::<u64>().expect("a number"), "commissionStatus": state(["pending", "approved", "declined"]),
                "saleAmount": {"amount": 1000, "currency": "GBP"}, "paidToPublisher": step == Step::Settled,
                "commissionAmount": {"amount": now.parse::<serde_json::Number>().expect("a number"), "currency": "GBP"},
                "transactionDate": time(paid_us, "%Y-%m-%dT%H:%M:%S", 0), "clickRefs": {"clickRef": "c1"},
                "transactionParts": [], "validationDate": null,
            }),
            Network::Impact => json!({
                "Id": line.id, "State": state(["PENDING", "APPROVED", "REVERSED"]), "Payout": now, "Amount": "1000.00",
                "Currency": "USD", "EventDate": time(paid_us, "%Y-%m-%dT%H:%M:%S+08:00", 8),
                "ClearedDate": if step == Step::Settled { time(at_us, "%Y-%m-%dT%H:%M:%S-08:00", -8) } else { String::new() },
            }),
            Network::Cj | Network::ImpactUpdates => return self.deltas(line, steps),
        };
        vec![(at_us, record)]
    }

    /// A record for each step, with what it adds.
    fn deltas(self, line: &Line, steps: &[(i64, Step)]) -> Vec<(i64, Value)> {
        let record = |i: usize| {
            let (at_us, step) = steps[i];
            let after = line.cents_after(&steps[..=i]);
            let delta = amount(after - line.cents_after(&steps[..i]));
            let state = ["PENDING", "APPROVED", "REVERSED"][step as usize];
            let id = line.id.parse::<usize>().expect("a number") * 10 + i;
            let record = if self == Network::Cj {
                json!({
                    "commissionId": format!("{id:020}"), "original": i == 0, "originalActionId": format!("a{}", line.id),
                    "actionStatus": "NEW", "postingDate": time(at_us, ISO, 0), "eventDate": time(line.steps[0].0, ISO, 0),
                    "saleAmountUsd": delta, "pubCommissionAmountUsd": delta, "items": [{"sku": "s"}],
                })
            } else {
                json!({
                    "Id": id, "ActionId": line.id, "State": state,
                    "DeltaPayout": delta, "DeltaAmount": delta, "Payout": amount(after), "Currency": "USD",
                    "EventDate": time(line.steps[0].0, ISO, 0), "UpdateDate": time(at_us, ISO, 0),
                    "ClearedDate": if step == Step::Settled { time(at_us, ISO, 0) } else { String::new() },
                })
            };
            (at_us, record)
        };
        (0..steps.len()).map(record).collect()
    }

    /// Line, state and commission in the canonical table in the end, as text.
    pub fn expected(self, line: &Line) -> String {
        let (_, step) = *line.steps.last().expect("a step");
        let status = match (self, step) {
            (Network::Cj, Step::Settled) | (_, Step::Paid) => "PENDING",
            (Network::Jd, Step::Settled) => "RECEIVED",
            (_, Step::Settled) => "PAYABLE",
            (_, Step::Cancelled) => "DECLINED",
        };
        let id = if self == Network::Cj { format!("a{}", line.id) } else { line.id.clone() };
        format!("{id} {status} {}", amount(line.cents_after(&line.steps)))
    }
}
