//! A click, and what follows from it: orders of one to three lines; beside them requests in the logs and orders of
//! other shops, which move the stock. The rate grows from day to day, and jumps at midnight of 11 November.

use crate::demo::agenda::Task;
use crate::demo::calendar::{DAY_US, FIRST_DAY_US, HOUR_US, MINUTE_US};
use crate::demo::campaign::campaign_of;
use crate::demo::line::OrderLine;
use crate::demo::random::Random;
use crate::demo::rule::{MERCHANTS, PLATFORMS, category_of, merchant_id};
use crate::demo::tables::{ClickEvent, RiskSignal, SystemLog};
use crate::demo::users::{RING, user_id};
use crate::demo::world::World;

/// How many times more clicks there are at most than at the beginning; bounds the generator's memory.
const GROWTH_MAX: i64 = 80;
/// The day from which the App grows.
const GROWS_FROM_DAY: i64 = 90;
/// Begin of 11 November in the business zone, from `FIRST_DAY_US` on; it comes back every 365 days.
const SALE_AT_US: i64 = 9 * DAY_US + 16 * HOUR_US;
/// How many times more is clicked when the sale begins, and when half of that is left.
const SALE_FACTOR: i64 = 50;
const SALE_HALF_US: i64 = 10 * MINUTE_US;
const ITEMS: u64 = 300_000;
/// Of a click.
const ORDER_SHARE: f64 = 0.08;
const LOG_SHARE: f64 = 0.2;
const STOCK_SHARE: f64 = 0.3;
const ROUTES: [(&str, &str); 4] = [
    ("gateway", "/v1/rebates"),
    ("gateway", "/v1/events/{table}"),
    ("redirect", "/go/{slot}"),
    ("payout", "/v1/withdrawals"),
];

/// How many times more than usual is clicked at an instant.
pub(super) fn sale_factor(now: i64) -> i64 {
    let since = (now - FIRST_DAY_US - SALE_AT_US).rem_euclid(365 * DAY_US);
    (SALE_FACTOR >> (since / SALE_HALF_US).min(32)).max(1)
}

/// The time to the next click.
fn gap(now: i64, clicks_a_day: i64, random: &mut Random) -> i64 {
    let day = ((now - FIRST_DAY_US) / DAY_US).max(GROWS_FROM_DAY);
    let grown = (clicks_a_day * day * day / (GROWS_FROM_DAY * GROWS_FROM_DAY)).min(clicks_a_day * GROWTH_MAX);
    let mean = (DAY_US / (grown * sale_factor(now))).max(1);
    random.below(2 * mean as u64) as i64
}

/// A delay of minutes whose logarithm is about normal: median 8 minutes, tail beyond ten days.
fn order_delay(random: &mut Random) -> i64 {
    let doubled = (0..14).filter(|_| random.below(14) < 3).count();
    (MINUTE_US << doubled) + random.below((MINUTE_US << doubled) as u64) as i64 / 1_000 * 1_000
}

impl World {
    /// Somebody clicks.
    pub(super) fn click(&mut self) {
        let at = self.now + gap(self.now, self.clicks_a_day, &mut self.random);
        self.agenda.add(at, Task::Click);
        if self.random.chance(STOCK_SHARE) {
            self.order_of_stock();
        }
        if self.random.chance(LOG_SHARE) {
            self.log();
        }
        let user = self.random.zipf(u64::from(self.users.ordinary())) as u32;
        let device = format!("d{user:06}{}", self.random.below(2));
        let click = self.click_of(user, device);
        self.browse(&click);
        if self.random.chance(ORDER_SHARE) {
            let at = self.now + order_delay(&mut self.random);
            self.agenda.add(at, Task::Order(Box::new(click)));
        }
        if self.random.chance(0.01) {
            let rows = self.users.rise(user, self.now);
            rows.into_iter().for_each(|row| self.push(row));
        }
    }

    fn click_of(&mut self, user: u32, device_id: String) -> ClickEvent {
        let rows = self.users.register(user, self.now, &mut self.random);
        rows.into_iter().for_each(|row| self.push(row));
        let (platform, currency) = *self.random.pick(&PLATFORMS);
        let merchant = merchant_id(self.random.zipf(MERCHANTS));
        let item = self.random.zipf(ITEMS);
        let rule = self.rules.best(platform, &merchant, Some(&category_of(item)), self.now);
        let (quoted_share, rule_id, rule_version) =
            (rule.map(|r| r.user_share), rule.map(|r| r.rule_id.clone()), rule.map(|r| r.version));
        let campaign_id = campaign_of(currency, &mut self.random);
        let click = ClickEvent {
            click_id: format!("c{:010}", self.number()),
            user_id: user_id(user),
            device_id,
            platform,
            merchant_id: merchant,
            item_id: format!("i{item:06}"),
            campaign_id,
            quoted_share,
            rule_id,
            rule_version,
            event_time: self.now + self.random.skew(),
            ingest_time: self.now + 1_000 * (1 + self.random.below(900) as i64),
        };
        self.push(click.clone());
        click
    }

    /// The buyer of a click orders: one to three lines.
    pub(super) fn order(&mut self, click: &ClickEvent) {
        let order = format!("O{:09}", self.number());
        let lines = *self.random.pick(&[1, 1, 1, 1, 1, 2, 2, 2, 3, 3]);
        for _ in 0..lines {
            let number = self.number();
            let line = OrderLine::new(number, order.clone(), click, self);
            self.begin(line);
        }
    }

    /// The ring is at work: many clicks on one device within minutes, and some orders. Then risk control holds it.
    pub(super) fn ring(&mut self) {
        let at = self.now + (3 * DAY_US + self.random.below(14 * DAY_US as u64) as i64) / 1_000 * 1_000;
        self.agenda.add(at, Task::Ring);
        let begin = self.now;
        for n in 0..24 {
            self.now = begin + n * 20_000_000;
            let member = self.users.ordinary() + (n as u32 % RING);
            let click = self.click_of(member, "d-ring".to_string());
            if n % 3 == 0 {
                let at = self.now + 5 * MINUTE_US;
                self.agenda.add(at, Task::Order(Box::new(click)));
            }
        }
        self.now = begin;
        for member in 0..RING {
            let id = user_id(self.users.ordinary() + member);
            let action = if self.random.chance(0.8) { "HOLD" } else { "RELEASE" };
            self.signal("USER", id, action, begin + HOUR_US);
        }
    }

    /// Risk control says something.
    pub(super) fn signal(&mut self, subject_type: &'static str, subject_id: String, action: &'static str, at: i64) {
        let signal_id = format!("g{:09}", self.number());
        self.push(RiskSignal {
            signal_id,
            subject_type,
            subject_id,
            rule: "shared_device",
            score: 900_000,
            action,
            event_time: at,
            ingest_time: at + 1_000_000,
        });
    }

    fn log(&mut self) {
        let (service, route) = *self.random.pick(&ROUTES);
        let number = self.number();
        let status = match self.random.below(100) {
            0 => 503,
            1..4 => 404,
            _ => 200,
        };
        let latency_ms = 2 + self.random.below(30) as i64 * if status == 503 { 100 } else { 1 };
        let level = if status == 503 { "ERROR" } else { "INFO" };
        let (event_time, ingest_time) = (self.now, self.now + 500_000);
        let event_id = format!("x{number:010}");
        self.push(SystemLog { event_id, service, route, status, latency_ms, level, event_time, ingest_time });
    }
}
