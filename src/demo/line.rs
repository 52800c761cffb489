//! The life of an order line: ordered, paid, received, approved, settled; never paid, declined, refunded in part or
//! whole, taken back after settlement. Its whole plan is made at the beginning; each step is a report of the network.

use std::collections::VecDeque;

use crate::demo::agenda::Task;
use crate::demo::books::Posted;
use crate::demo::calendar::{DAY_US, HOUR_US, MINUTE_US, day_start, month};
use crate::demo::poll::Api;
use crate::demo::random::Random;
use crate::demo::record::{Posting, api_of, plan_of, whole_second};
use crate::demo::rule::{PLATFORMS, category_of, is_apparel};
use crate::demo::tables::{AffiliateTxn, Claim, ClickEvent, RefundEvent};
use crate::demo::users::binding;
use crate::demo::world::World;

/// So many lines are not reported in our own form; collectors find them at the networks.
const COLLECTED_SHARE: f64 = 0.25;
/// The network never settles these.
const FORGOTTEN_SHARE: f64 = 0.005;

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Track,
    /// Never paid.
    Cancel,
    Pay,
    Decline,
    Receive,
    /// So many percent of it are kept.
    Refund(i128),
    Approve,
    Settle,
    /// The network has paid us.
    PaidOut,
}

/// An order line at its newest version.
#[derive(Clone, Debug)]
pub(super) struct OrderLine {
    pub(super) number: u64,
    version: u32,
    pub(super) txn: AffiliateTxn,
    /// What is to come, and when.
    plan: VecDeque<(i64, Step)>,
    /// The commission expected; some networks report it only when the order is received.
    pub(super) commission: i128,
    is_commission_late: bool,
    /// Where collectors find it; None: it is reported in our own form.
    api: Option<Api>,
    /// The buyer.
    pub(super) user: u32,
    /// The campaign of the click.
    pub(super) campaign_id: Option<String>,
    /// Entries in the books that nothing has taken back.
    pub(super) posted: Vec<Posted>,
    /// An older version that is still on its way.
    held: Option<AffiliateTxn>,
    pub(super) approved_at: Option<i64>,
    /// The commission before the fee, and the amount, as they were settled.
    pub(super) settled_commission: Option<i128>,
    pub(super) settled_amount: Option<i128>,
    pub(super) is_refunded_whole: bool,
    /// What a network that corrects by differences has told.
    pub(super) postings: Vec<Posting>,
}

impl OrderLine {
    /// A line of an order that a click led to.
    pub(super) fn new(number: u64, order: String, click: &ClickEvent, world: &mut World) -> Self {
        let now = world.now;
        let random = &mut world.random;
        let user: u32 = click.user_id[1..].parse().expect("ids of users are numbers");
        let is_ring = user >= world.users.ordinary();
        let currency = PLATFORMS.iter().find(|(name, _)| *name == click.platform).map_or("CNY", |(_, c)| c);
        let item: u64 = click.item_id[1..].parse().expect("ids of items are numbers");
        let category_id = category_of(item);
        let api = random.chance(COLLECTED_SHARE).then(|| api_of(click.platform, number));
        let mut plan = plan(now, is_apparel(&category_id), is_ring, currency != "CNY", random);
        if let Some(api) = api {
            plan = plan_of(api, plan);
        }
        let pay_amount = 100 + i128::from(random.skewed(200_000));
        let commission_rate = 10_000 + i128::from(random.below(290)) * 1_000;
        let mut line = OrderLine {
            number,
            version: 0,
            plan,
            commission: pay_amount * commission_rate / 1_000_000,
            is_commission_late: api.is_none() && random.chance(0.01),
            api,
            user,
            campaign_id: click.campaign_id.clone(),
            posted: vec![],
            held: None,
            approved_at: None,
            settled_commission: None,
            settled_amount: None,
            is_refunded_whole: false,
            postings: vec![],
            txn: AffiliateTxn {
                event_id: String::new(),
                platform: click.platform,
                order_line_id: format!("L{number:09}"),
                source_modified: now,
                status: "TRACKED",
                status_rank: 0,
                user_id: None,
                merchant_id: click.merchant_id.clone(),
                item_id: Some(click.item_id.clone()),
                category_id: Some(category_id),
                campaign_id: None,
                currency,
                pay_amount,
                commission_rate: Some(commission_rate),
                est_commission: None,
                act_commission: None,
                service_fee_rate: if random.chance(0.5) { 100_000 } else { 0 },
                pay_time: None,
                receive_time: None,
                settle_time: None,
                ingest_time: now,
                parent_order_id: order,
                click_id: None,
                sub_id: None,
                sku_id: Some(format!("k{:05}", item % 2_000)),
                qty: Some(1 + random.below(3) as i64),
                qty_returned: Some(0),
                settle_amount: None,
                service_fee: None,
                click_time: Some(click.event_time),
                order_time: now,
                decline_reason: None,
            },
        };
        line.be_known(click, random);
        line
    }

    /// What is known of the line from the beginning on.
    fn be_known(&mut self, click: &ClickEvent, random: &mut Random) {
        if !self.is_commission_late {
            self.txn.est_commission = Some(self.commission);
        }
        match self.api {
            Some(api) => self.be_collected(api, click, random),
            None => self.attribute(click, random),
        }
    }

    /// What a network does not know of the line from the beginning on.
    fn be_collected(&mut self, api: Api, click: &ClickEvent, random: &mut Random) {
        let txn = &mut self.txn;
        (txn.order_time, txn.click_time) = (whole_second(txn.order_time), txn.click_time.map(whole_second));
        if api != Api::Tbk {
            txn.service_fee_rate = 0;
        }
        if !matches!(api, Api::Tbk | Api::Jd | Api::Pdd) {
            (txn.item_id, txn.category_id) = (None, None);
        }
        let click_id = match random.below(100) {
            ..85 => Some(click.click_id.clone()),
            // A click that we do not know.
            85 => Some(format!("x{}", click.click_id)),
            86.. => None,
        };
        match api {
            Api::Tbk if click_id.is_none() => txn.sub_id = Some(binding(self.user)),
            Api::Tbk | Api::Jd => txn.click_id = click_id,
            _ => txn.sub_id = click_id,
        }
    }

    /// When the network will settle it.
    pub(super) fn settles_at(&self) -> Option<i64> {
        self.plan.iter().find(|(_, step)| *step == Step::Settle).map(|(at, _)| *at)
    }

    /// How the network tells whose the line is: mostly by the click; sometimes not at all.
    fn attribute(&mut self, click: &ClickEvent, random: &mut Random) {
        let (roll, click_id) = (random.below(1000), Some(click.click_id.clone()));
        let user_id = Some(click.user_id.clone());
        match roll {
            ..450 => self.txn.click_id = click_id,
            450..650 => self.txn.sub_id = click_id,
            650..800 if self.txn.platform == "TBK" => self.txn.sub_id = Some(binding(self.user)),
            650..900 => (self.txn.user_id, self.txn.click_id) = (user_id, click_id),
            // Somebody else than who clicked.
            900..905 => (self.txn.user_id, self.txn.click_id) = (Some("u000001".to_string()), click_id),
            905..970 => self.txn.user_id = user_id,
            // A click that we do not know.
            970..980 => (self.txn.user_id, self.txn.click_id) = (user_id, Some(format!("x{}", click.click_id))),
            _ => {}
        }
    }

    /// The report is the last that there is.
    fn ends(&self) -> bool {
        self.plan.is_empty()
    }

    /// What the network pays us, as far as it is known.
    pub(super) fn commission_net(&self) -> Option<i128> {
        let commission = self.txn.act_commission.or(self.txn.est_commission)?;
        Some(commission - self.txn.service_fee.unwrap_or(commission * self.txn.service_fee_rate / 1_000_000))
    }

    fn enter(&mut self, status: &'static str, rank: i64) {
        (self.txn.status, self.txn.status_rank) = (status, rank);
    }

    /// Nothing is left of it.
    fn lose(&mut self, status: &'static str, rank: i64, reason: &'static str) {
        self.enter(status, rank);
        self.txn.act_commission = Some(0);
        self.txn.decline_reason = Some(reason);
    }

    /// Makes the current state a version of its own.
    fn publish(&mut self, now: i64, random: &mut Random) {
        self.version += 1;
        self.txn.event_id = format!("e{:09}.{}", self.number, self.version);
        self.txn.source_modified = match self.api {
            None => now + random.skew(),
            Some(Api::Tbk | Api::Jd | Api::Pdd) => {
                let zone = if random.chance(0.001) { 8 * HOUR_US } else { 0 };
                whole_second(now + random.skew()) + zone
            }
            // One clock for all that such a network tells.
            Some(_) => now,
        };
        self.txn.ingest_time = now + 3_000_000 + random.below(30 * 60_000) as i64 * 1_000;
        if self.txn.platform == "TBK" {
            let commission = self.txn.act_commission.or(self.txn.est_commission);
            self.txn.service_fee = commission.map(|commission| commission * self.txn.service_fee_rate / 1_000_000);
        }
    }
}

/// The steps of a line's life.
fn plan(now: i64, is_apparel: bool, is_ring: bool, is_foreign: bool, random: &mut Random) -> VecDeque<(i64, Step)> {
    let within =
        |random: &mut Random, from: i64, to: i64| from + random.below((to - from) as u64 / 1_000) as i64 * 1_000;
    let mut steps = VecDeque::new();
    let is_paid = random.chance(0.92);
    if !is_paid || random.chance(0.25) {
        steps.push_back((now, Step::Track));
    }
    if !is_paid {
        steps.push_back((now + within(random, HOUR_US, 2 * DAY_US), Step::Cancel));
        return steps;
    }
    let paid = now + within(random, 10_000_000, 10 * MINUTE_US);
    steps.push_back((paid, Step::Pay));
    if random.chance(if is_ring { 0.3 } else { 0.03 }) {
        steps.push_back((paid + within(random, HOUR_US, 20 * DAY_US), Step::Decline));
        return steps;
    }
    let received = paid + within(random, 2 * DAY_US, 10 * DAY_US);
    let settled = day_start(month(received, 1) + 19) + within(random, 20 * HOUR_US, 21 * HOUR_US);
    steps.push_back((received, Step::Receive));
    let refunds = if is_apparel { 0.25 } else { 0.08 };
    let is_refunded = random.chance(if is_ring { 0.6 } else { refunds });
    let kept = if random.chance(1.0 / 3.0) { 20 + i128::from(random.below(70)) } else { 0 };
    let is_late = random.chance(if is_ring { 0.5 } else { 0.05 });
    if is_refunded && !is_late {
        steps.push_back((received + within(random, HOUR_US, 14 * DAY_US), Step::Refund(kept)));
        if kept == 0 {
            return steps;
        }
    }
    steps.push_back((received + 15 * DAY_US, Step::Approve));
    if random.chance(FORGOTTEN_SHARE) {
        return steps;
    }
    steps.push_back((settled, Step::Settle));
    if is_foreign {
        steps.push_back((settled + within(random, DAY_US, 3 * DAY_US), Step::PaidOut));
    }
    if is_refunded && is_late {
        steps.push_back((settled + within(random, 4 * DAY_US, 60 * DAY_US), Step::Refund(kept)));
    }
    steps
}

impl World {
    /// A line begins.
    pub(super) fn begin(&mut self, line: OrderLine) {
        if line.txn.user_id.is_none() && line.txn.click_id.is_none() && line.txn.sub_id.is_none() {
            self.claim(&line);
        }
        self.go_on_with(line);
    }

    fn go_on_with(&mut self, line: OrderLine) {
        if let Some((at, _)) = line.plan.front() {
            self.agenda.add(*at, Task::Line(Box::new(line)));
        }
    }

    /// The next step of a line.
    pub(super) fn live(&mut self, mut line: OrderLine) {
        let Some((_, step)) = line.plan.pop_front() else { return };
        let is_settled = matches!(line.txn.status, "PAYABLE" | "PAID");
        let mut refund = None;
        match step {
            Step::Track => {}
            Step::Cancel => line.lose("DECLINED", 5, "not paid"),
            Step::Pay => {
                line.enter("PENDING", 1);
                // JD has the time of the order only.
                let is_jd = line.api == Some(Api::Jd);
                line.txn.pay_time = Some(if is_jd { line.txn.order_time } else { self.now });
            }
            Step::Decline => line.lose("DECLINED", 5, "refused"),
            Step::Receive => {
                line.enter("RECEIVED", 2);
                line.txn.receive_time = Some(self.now);
                line.txn.est_commission = Some(line.commission);
                line.txn.act_commission = Some(line.commission);
                line.txn.settle_amount = Some(line.txn.pay_amount);
            }
            Step::Refund(kept) => refund = Some(self.refund(&mut line, kept, is_settled)),
            Step::Approve => {
                line.enter("APPROVED", 3);
                line.approved_at = Some(self.now);
            }
            Step::Settle => {
                line.enter("PAYABLE", 4);
                line.txn.settle_time = Some(self.now);
                line.settled_commission = Some(line.commission_of_settlement());
                line.settled_amount = line.txn.settle_amount;
            }
            Step::PaidOut => line.enter("PAID", 4),
        }
        line.publish(self.now, &mut self.random);
        if let Some(refund) = refund {
            self.tell_refund(&line, refund, is_settled);
        }
        if step == Step::Settle {
            self.settled.add(&line.txn, line.commission_of_settlement());
            self.post(&mut line);
            self.hold(&line);
        } else if is_settled && matches!(step, Step::Refund(_)) {
            self.take_back_posted(&mut line);
        }
        match line.api {
            None => self.report(&mut line),
            // Taobao tells of a settled order no more: the refund does (`refund`).
            Some(Api::Tbk) if is_settled => {}
            // Networks abroad do not know what was received.
            Some(Api::Awin | Api::Cj | Api::Impact | Api::ImpactUpdates) if step == Step::Receive => {}
            Some(api) => line.records(api).into_iter().for_each(|record| self.tell(api, record)),
        }
        self.go_on_with(line);
    }

    /// The buyer gets money back; so many percent of the line are kept.
    fn refund(&mut self, line: &mut OrderLine, kept: i128, is_settled: bool) -> RefundEvent {
        let before = line.txn.act_commission.unwrap_or(line.commission);
        let left = before * kept / 100;
        // Where nothing is left of the commission, the line is lost as well.
        let kept = if left == 0 { 0 } else { kept };
        line.txn.settle_amount = Some(line.txn.pay_amount * kept / 100);
        match (kept, is_settled) {
            (0, false) => line.lose("DECLINED", 5, "refunded"),
            (0, true) => line.lose("REVERSED", 6, "refunded"),
            _ => line.txn.act_commission = Some(left),
        }
        if kept == 0 {
            line.txn.qty_returned = line.txn.qty;
            line.is_refunded_whole = true;
        }
        if is_settled {
            self.settled.take_back(&line.txn, before - left);
        }
        RefundEvent {
            refund_id: format!("f{:09}", self.number()),
            version: 1,
            platform: line.txn.platform,
            order_line_id: line.txn.order_line_id.clone(),
            refund_amount: line.txn.pay_amount * (100 - kept) / 100,
            commission_back: before - left,
            currency: line.txn.currency,
            status: "CREATED",
            event_time: self.now,
            ingest_time: self.now + 1_000_000,
        }
    }

    /// The refund is told: begun and done, or at Taobao, where collectors find it, by a record that names the line.
    fn tell_refund(&mut self, line: &OrderLine, mut refund: RefundEvent, is_settled: bool) {
        if line.api == Some(Api::Tbk) {
            refund.status = "SUCCESS";
            refund.refund_id = refund.order_line_id.clone();
            refund.version = self.now / 1_000_000;
            return self.tell(Api::TbkRefunds, line.refund_of_tbk(refund, is_settled));
        }
        self.push(refund.clone());
        (refund.version, refund.status) = (2, "SUCCESS");
        self.push(refund);
    }

    /// The network reports the line: now, a day late, after its next version, or with the clock of another zone.
    fn report(&mut self, line: &mut OrderLine) {
        let mut report = line.txn.clone();
        let held = line.held.take();
        if self.random.chance(0.001) {
            report.source_modified += 8 * HOUR_US;
        }
        if held.is_none() && !line.ends() && self.random.chance(self.disorder_share) {
            line.held = Some(report);
            return;
        }
        let ingest_time = report.ingest_time;
        if held.is_none() && self.random.chance(0.01) {
            report.ingest_time += DAY_US + self.random.below(2 * DAY_US as u64 / 1_000) as i64 * 1_000;
            self.agenda.add(report.ingest_time, Task::Deliver(report.into()));
        } else {
            self.push(report);
        }
        if let Some(mut held) = held {
            held.ingest_time = ingest_time + 1_000_000;
            self.push(held);
        }
    }

    /// Risk control holds half of the ring's lines and a few others, and lets some go.
    fn hold(&mut self, line: &OrderLine) {
        let is_ring = line.user >= self.users.ordinary();
        if self.random.chance(if is_ring { 0.5 } else { 0.01 }) {
            let subject = format!("{}/{}", line.txn.platform, line.txn.order_line_id);
            self.signal("LINE", subject.clone(), "HOLD", self.now);
            if self.random.chance(0.2) {
                self.signal("LINE", subject, "RELEASE", self.now + HOUR_US);
            }
        }
    }

    /// The buyer misses an order that belongs to nobody.
    fn claim(&mut self, line: &OrderLine) {
        let number = self.number();
        let claim = Claim {
            claim_id: format!("m{number:09}"),
            version: 1,
            user_id: crate::demo::users::user_id(line.user),
            platform: line.txn.platform,
            order_ref: line.txn.parent_order_id.clone(),
            status: "OPEN",
            event_time: self.now,
            ingest_time: self.now + 1_000_000,
        };
        self.push(claim.clone());
        let at = self.now + DAY_US + self.random.below(20 * DAY_US as u64) as i64;
        self.agenda.add(at, Task::Claim(Box::new(claim)));
    }

    /// Customer service decides a claim, or asks the network first.
    pub(super) fn decide(&mut self, mut claim: Claim) {
        claim.version += 1;
        (claim.event_time, claim.ingest_time) = (self.now, self.now + 1_000_000);
        claim.status = match (claim.status, self.random.below(10)) {
            ("OPEN", ..5) => "SENT",
            (_, ..8) => "ACCEPTED",
            _ => "REJECTED",
        };
        if claim.status == "SENT" {
            self.agenda.add(self.now + 10 * DAY_US, Task::Claim(Box::new(claim.clone())));
        }
        self.push(claim);
    }
}

impl OrderLine {
    /// What the network settles: the commission before its fee.
    fn commission_of_settlement(&self) -> i128 {
        self.txn.act_commission.unwrap_or(self.commission)
    }
}
