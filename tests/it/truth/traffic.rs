//! The rows that views of clicks, devices and inviters must have, as texts.

use std::collections::{BTreeMap, BTreeSet};

use rebateflow::demo::ClickEvent;

use super::facts::Facts;
use super::lines::Line;
use super::text::{count, number, ratio, row, text};

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;

fn begin_of(at: i64, length: i64) -> i64 {
    at.div_euclid(length) * length
}

/// `funnel_5m`: merchant_id, window_start, clicks, clickers, orders, orders_per_click.
pub fn funnel_5m(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    type Window<'a> = (usize, BTreeSet<&'a str>, usize);
    let mut windows: BTreeMap<(&str, i64), Window<'_>> = BTreeMap::new();
    for click in facts.clicks.values() {
        let key = (click.merchant_id.as_str(), begin_of(click.event_time, 5 * MINUTE_US));
        let (clicks, clickers, _) = windows.entry(key).or_default();
        *clicks += 1;
        clickers.insert(&click.user_id);
    }
    for line in lines {
        let Some(paid) = line.txn.pay_time else { continue };
        windows.entry((&line.txn.merchant_id, begin_of(paid, 5 * MINUTE_US))).or_default().2 += 1;
    }
    let of = |((merchant, begin), (clicks, clickers, orders)): ((&str, i64), Window<'_>)| {
        let counts = [clicks, clickers.len(), orders].map(count);
        row([text(merchant), number(begin)].into_iter().chain(counts).chain([ratio(orders, clicks)]))
    };
    windows.into_iter().map(of).collect()
}

/// Clicks by something, in the order of their time.
fn clicks_by<'a>(facts: &Facts<'a>, of: impl Fn(&'a ClickEvent) -> &'a str) -> BTreeMap<&'a str, Vec<&'a ClickEvent>> {
    let mut by: BTreeMap<&str, Vec<&ClickEvent>> = BTreeMap::new();
    for click in facts.clicks.values() {
        by.entry(of(click)).or_default().push(click);
    }
    by.values_mut().for_each(|clicks| clicks.sort_by_key(|click| (click.event_time, &click.click_id)));
    by
}

/// `user_sessions`: user_id, session_no, start_time, end_time, clicks.
pub fn user_sessions(facts: &Facts<'_>) -> Vec<String> {
    let mut rows = vec![];
    for (user, clicks) in clicks_by(facts, |click| &click.user_id) {
        let same = |a: &&ClickEvent, b: &&ClickEvent| b.event_time <= a.event_time + 30 * MINUTE_US;
        for (session, clicks) in clicks.chunk_by(same).enumerate() {
            let ends = [clicks[0], clicks[clicks.len() - 1]].map(|click| number(click.event_time));
            rows.push(row([text(user), count(session + 1)].into_iter().chain(ends).chain([count(clicks.len())])));
        }
    }
    rows
}

/// `fraud_device_velocity`: device_id, hour, users, clicks, peak_10m.
pub fn fraud_device_velocity(facts: &Facts<'_>) -> Vec<String> {
    let mut rows = vec![];
    for (device, clicks) in clicks_by(facts, |click| &click.device_id) {
        let mut hours: BTreeMap<i64, (BTreeSet<&str>, usize, usize)> = BTreeMap::new();
        for click in &clicks {
            let until = clicks.partition_point(|other| other.event_time <= click.event_time);
            let before = clicks.partition_point(|other| other.event_time < click.event_time - 10 * MINUTE_US);
            let (users, number, peak) = hours.entry(begin_of(click.event_time, HOUR_US)).or_default();
            users.insert(&click.user_id);
            *number += 1;
            *peak = (until - before).max(*peak);
        }
        let suspect = hours.into_iter().filter(|(_, (users, _, peak))| users.len() >= 3 || *peak >= 20);
        rows.extend(suspect.map(|(hour, (users, clicks, peak))| {
            row([text(device), number(hour), count(users.len()), count(clicks), count(peak)])
        }));
    }
    rows
}

/// `fraud_inviter_rings`: user_id, inviter_id, is_self, is_circle, shared_devices.
pub fn fraud_inviter_rings(facts: &Facts<'_>) -> Vec<String> {
    let mut devices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for click in facts.clicks.values() {
        devices.entry(&click.user_id).or_default().insert(&click.device_id);
    }
    let none = BTreeSet::new();
    let of = |user: &&rebateflow::demo::UserCurrent| {
        let (id, inviter) = (user.user_id.as_str(), user.inviter_id.as_deref()?);
        let is_self = id == inviter;
        let brought_by = facts.users.get(inviter).and_then(|inviter| inviter.inviter_id.as_deref());
        let is_circle = brought_by == Some(id) && !is_self;
        let [own, others] = [id, inviter].map(|user| devices.get(user).unwrap_or(&none));
        let shared = if is_self { 0 } else { own.intersection(others).count() };
        (is_self || is_circle || shared > 0)
            .then(|| row([text(id), text(inviter), is_self.to_string(), is_circle.to_string(), count(shared)]))
    };
    facts.users.values().filter_map(of).collect()
}
