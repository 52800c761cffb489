//! The rows that views of settlement, books and stock must have, as texts.

use std::collections::BTreeMap;

use rebateflow::demo::AffiliateTxn;

use super::facts::Facts;
use super::money::business_day;
use super::text::{count, money, number, row, text, total};

/// A change of what a network owes us for a line.
struct Change<'a> {
    report: &'a AffiliateTxn,
    before: &'a str,
    settled_before: i128,
    settled: i128,
    at: i64,
}

fn changes<'a>(facts: &Facts<'a>) -> Vec<Change<'a>> {
    let mut changes = vec![];
    for versions in facts.reports.values() {
        let (mut before, mut settled_before) = ("NONE", 0);
        for report in versions {
            let is_settled = matches!(report.status, "PAYABLE" | "PAID");
            let commission = report.act_commission.or(report.est_commission);
            let settled = if is_settled { commission.expect("known when it is settled") } else { 0 };
            if settled != settled_before {
                let is_later = matches!(before, "PAYABLE" | "PAID" | "DECLINED" | "REVERSED");
                // Nothing is owed before it is settled: a correction may have come before.
                let at = match report.settle_time {
                    Some(settled) if is_later => report.source_modified.max(settled),
                    Some(settled) => settled,
                    None => report.source_modified,
                };
                changes.push(Change { report, before, settled_before, settled, at });
            }
            (before, settled_before) = (report.status, settled);
        }
    }
    changes
}

/// `clawbacks`: platform, order_line_id, status_before, status, settled_before, settled, delta, changed_at.
pub fn clawbacks(facts: &Facts<'_>) -> Vec<String> {
    let taken = changes(facts).into_iter().filter(|change| change.settled < change.settled_before);
    let of = |change: Change<'_>| {
        row([
            text(change.report.platform),
            text(&change.report.order_line_id),
            text(change.before),
            text(change.report.status),
            money(Some(change.settled_before)),
            money(Some(change.settled)),
            money(Some(change.settled - change.settled_before)),
            number(change.at),
        ])
    };
    taken.map(of).collect()
}

/// The first day of a business month that a day is in, as days since 1970-01-01.
pub fn month_of(day: i64) -> i64 {
    use chrono::{DateTime, Datelike};
    let date = DateTime::from_timestamp(day * 86_400, 0).expect("within the calendar").date_naive();
    day - i64::from(date.day0())
}

/// A line of a month, ours beside theirs.
pub struct Recon<'a> {
    platform: &'a str,
    month: i64,
    line: &'a str,
    currency: &'a str,
    ours: Option<i128>,
    theirs: Option<i128>,
}

impl Recon<'_> {
    fn verdict(&self) -> &'static str {
        match (self.ours, self.theirs) {
            (ours, theirs) if ours.unwrap_or_default() == theirs.unwrap_or_default() => "OK",
            (_, None) => "MISSING_IN_STATEMENT",
            (None, _) => "MISSING_IN_PIPELINE",
            (Some(ours), Some(theirs)) if (ours - theirs).abs() <= 1 => "ROUNDING",
            _ => "AMOUNT",
        }
    }
}

/// Our months beside the networks' statements.
pub fn recon<'a>(facts: &Facts<'a>) -> Vec<Recon<'a>> {
    type Sides = [Option<i128>; 2];
    let mut months: BTreeMap<(&'a str, i64, &'a str, &'a str), Sides> = BTreeMap::new();
    for change in changes(facts) {
        let (report, month) = (change.report, month_of(business_day(change.at)));
        let sides = months.entry((report.platform, month, &report.order_line_id, report.currency)).or_default();
        *sides[0].get_or_insert_default() += change.settled - change.settled_before;
    }
    for line in &facts.statements {
        let sides =
            months.entry((line.platform, line.statement_month, &line.order_line_id, line.currency)).or_default();
        *sides[1].get_or_insert_default() += line.commission;
    }
    let mut recon = vec![];
    for ((platform, month, line, currency), [ours, theirs]) in months {
        recon.push(Recon { platform, month, line, currency, ours, theirs });
    }
    recon
}

/// `recon_monthly`: platform, month, order_line_id, currency, ours, theirs, verdict.
pub fn recon_monthly(recon: &[Recon<'_>]) -> Vec<String> {
    let of = |line: &Recon<'_>| {
        let names = [text(line.platform), number(line.month), text(line.line), text(line.currency)];
        row(names.into_iter().chain([money(line.ours), money(line.theirs), text(line.verdict())]))
    };
    recon.iter().map(of).collect()
}

/// `recon_summary`: platform, month, currency, verdict, lines, ours, theirs.
pub fn recon_summary(recon: &[Recon<'_>]) -> Vec<String> {
    let mut verdicts: BTreeMap<(&str, i64, &str, &str), Vec<&Recon<'_>>> = BTreeMap::new();
    for line in recon {
        verdicts.entry((line.platform, line.month, line.currency, line.verdict())).or_default().push(line);
    }
    let of = |((platform, month, currency, verdict), lines): ((&str, i64, &str, &str), Vec<&Recon<'_>>)| {
        let sums = [total(lines.iter().map(|line| line.ours)), total(lines.iter().map(|line| line.theirs))];
        let names = [text(platform), number(month), text(currency), text(verdict), count(lines.len())];
        row(names.into_iter().chain(sums))
    };
    verdicts.into_iter().map(of).collect()
}

/// `user_withdrawable`: user_id, currency, balance, locked_this_month, held_lines, in_flight_withdrawal, on_hold,
/// withdrawable.
pub fn user_withdrawable(facts: &Facts<'_>, as_of: i64) -> Vec<String> {
    let this_month = month_of(business_day(as_of));
    let mut accounts: BTreeMap<(&str, &str), [i128; 4]> = BTreeMap::new();
    for entry in facts.ledger.values() {
        let origin = entry.reverses_entry_id.as_deref().and_then(|id| facts.ledger.get(id)).unwrap_or(entry);
        let [balance, locked, held, _] = accounts.entry((&entry.user_id, entry.currency)).or_default();
        *balance += entry.amount;
        let line =
            entry.platform.zip(entry.order_line_id.as_ref()).map(|(platform, line)| format!("{platform}/{line}"));
        if line.is_some_and(|line| facts.holds("LINE", &line)) {
            if matches!(origin.entry_type, "REBATE" | "INVITER" | "BONUS" | "FIRST_ORDER") {
                *held += entry.amount;
            }
        } else if matches!(origin.entry_type, "REBATE" | "INVITER") && business_day(origin.event_time) >= this_month {
            *locked += entry.amount;
        }
    }
    for withdrawal in facts.withdrawals.values() {
        if matches!(withdrawal.status, "REQUESTED" | "APPROVED") {
            accounts.entry((&withdrawal.user_id, withdrawal.currency)).or_default()[3] += withdrawal.amount;
        }
    }
    let of = |((user, currency), [balance, locked, held, requested]): ((&str, &str), [i128; 4])| {
        let on_hold = facts.holds("USER", user);
        let withdrawable = if on_hold { 0 } else { balance - locked - held - requested };
        let amounts = [balance, locked, held, requested].map(|amount| money(Some(amount)));
        let rest = [on_hold.to_string(), money(Some(withdrawable))];
        row([text(user), text(currency)].into_iter().chain(amounts).chain(rest))
    };
    accounts.into_iter().map(of).collect()
}

/// `cap_usage`: entry_id, amount, allowed, over.
pub fn cap_usage(facts: &Facts<'_>) -> Vec<String> {
    let mut days: BTreeMap<(&str, &str, i64), Vec<(i64, &str, i128)>> = BTreeMap::new();
    for entry in facts.ledger.values().filter(|entry| entry.entry_type == "BONUS") {
        let campaign = entry.campaign_id.as_deref().expect("a bonus is of a campaign");
        let day = days.entry((&entry.user_id, campaign, business_day(entry.event_time))).or_default();
        day.push((entry.event_time, &entry.entry_id, entry.amount));
    }
    let mut rows = vec![];
    for ((_, campaign, _), mut entries) in days {
        entries.sort_unstable();
        let cap = facts.campaigns[campaign].cap_user_day;
        let mut before = 0;
        for (_, entry, amount) in entries {
            let allowed = amount.min((cap - before).max(0));
            rows.push(row([text(entry), money(Some(amount)), money(Some(allowed)), money(Some(amount - allowed))]));
            before += amount;
        }
    }
    rows
}
