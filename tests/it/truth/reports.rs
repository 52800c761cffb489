//! The rows that views of merchants, campaigns, users and low stock must have, as texts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::lines::{Line, is_lost};
use super::text::{count, known, money, number, row, text, total};

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;
const TOP: usize = 10;
/// Yuan for a unit are in so many parts.
const EXCHANGE_UNIT: i128 = 100_000_000;

/// `rebate_lost`: platform, order_line_id, status, status_before, promised.
pub fn rebate_lost(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let promised = line.rated.as_ref()?.promised?;
        let before = facts.reports[&line.key].iter().rev().find(|version| !is_lost(version.status))?;
        let status = [line.txn.status, before.status].map(text);
        Some(row([text(line.key.0), text(line.key.1)].into_iter().chain(status).chain([money(promised)])))
    };
    lines.iter().filter_map(of).collect()
}

/// `attribution_gaps`: platform, order_line_id, gap. `clicked`: lines that a click led to.
pub fn attribution_gaps(lines: &[Line<'_>], clicked: &BTreeSet<(&str, &str)>) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let reported = line.txn.user_id.as_deref();
        let gap = match line.user {
            None => "NO_USER",
            Some(user) if reported.is_some_and(|reported| reported != user) => "USERS_DIFFER",
            _ if !clicked.contains(&line.key) => "NO_CLICK",
            _ => return None,
        };
        Some(row([text(line.key.0), text(line.key.1), text(gap)]))
    };
    lines.iter().filter_map(of).collect()
}

/// `first_order_bonus`: user_id, platform, order_line_id.
pub fn first_order_bonus(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    let mut first: BTreeMap<&str, (i64, &str, &str)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.txn.status != "TRACKED" && !is_lost(line.txn.status)) {
        let (Some(user), Some(paid)) = (line.user, line.txn.pay_time) else { continue };
        let this = (paid, line.key.0, line.key.1);
        let earliest = first.entry(user).or_insert(this);
        *earliest = this.min(*earliest);
    }
    let of = |(user, (paid, platform, line)): (&str, (i64, &str, &str))| {
        let registered = facts.users.get(user)?.registered_at;
        let is_soon = (registered..registered + 7 * DAY_US).contains(&paid);
        is_soon.then(|| row([text(user), text(platform), text(line)]))
    };
    first.into_iter().filter_map(of).collect()
}

/// `campaign_burndown`: campaign_id, hour, spent, spent_so_far, remaining.
pub fn campaign_burndown(facts: &Facts<'_>) -> Vec<String> {
    let mut hours: BTreeMap<(&str, i64), i128> = BTreeMap::new();
    for entry in facts.ledger.values() {
        let origin = entry.reverses_entry_id.as_deref().and_then(|id| facts.ledger.get(id)).unwrap_or(entry);
        if let Some(campaign) = entry.campaign_id.as_deref().filter(|_| origin.entry_type == "BONUS") {
            *hours.entry((campaign, entry.event_time.div_euclid(HOUR_US) * HOUR_US)).or_default() += entry.amount;
        }
    }
    let mut so_far: BTreeMap<&str, i128> = BTreeMap::new();
    let of = |((campaign, hour), spent): ((&str, i64), i128)| {
        let all = so_far.entry(facts.campaigns[campaign].campaign_id.as_str()).or_default();
        *all += spent;
        let amounts = [spent, *all, facts.campaigns[campaign].budget - *all].map(|amount| money(Some(amount)));
        row([text(campaign), number(hour)].into_iter().chain(amounts))
    };
    hours.into_iter().map(of).collect()
}

/// `rebate_cny`: user_id, rebate_cny, lines, lines_without_rate.
pub fn rebate_cny(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    let mut users: BTreeMap<&str, (i128, usize, usize)> = BTreeMap::new();
    for line in lines.iter().filter(|line| !is_lost(line.txn.status)) {
        let (Some(user), Some(rated), Some(paid)) = (line.user, &line.rated, line.txn.pay_time) else { continue };
        let rates = facts.exchange.iter().filter(|rate| rate.currency == line.txn.currency);
        let rate = rates.filter(|r| (r.valid_from..r.valid_to).contains(&paid)).max_by_key(|rate| rate.valid_from);
        let (sum, lines, without) = users.entry(user).or_default();
        *lines += 1;
        match rate {
            Some(rate) => *sum += rated.rebate.map_or(0, |rebate| rebate * rate.rate_to_cny / EXCHANGE_UNIT),
            None => *without += 1,
        }
    }
    let of = |(user, (sum, lines, without)): (&str, (i128, usize, usize))| {
        row([text(user), money(Some(sum)), count(lines), count(without)])
    };
    users.into_iter().map(of).collect()
}

/// `refund_rate_by_merchant`: merchant_id, currency, lines, refunded_lines, paid, refunded.
pub fn refund_rate_by_merchant(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    let mut refunds: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for refund in facts.refunds.values().filter(|refund| refund.status == "SUCCESS") {
        *refunds.entry((refund.platform, &refund.order_line_id)).or_default() += refund.refund_amount;
    }
    let mut merchants: BTreeMap<(&str, &str), (usize, usize, i128, i128)> = BTreeMap::new();
    for line in lines {
        let refunded = refunds.get(&line.key);
        let sums = merchants.entry((&line.txn.merchant_id, line.txn.currency)).or_default();
        sums.0 += 1;
        sums.1 += usize::from(refunded.is_some());
        sums.2 += line.txn.pay_amount;
        sums.3 += refunded.copied().unwrap_or_default();
    }
    let of = |((merchant, currency), sums): ((&str, &str), (usize, usize, i128, i128))| {
        let amounts = [sums.2, sums.3].map(|amount| money(Some(amount)));
        row([text(merchant), text(currency), count(sums.0), count(sums.1)].into_iter().chain(amounts))
    };
    merchants.into_iter().map(of).collect()
}

/// `top_items`: category_id, currency, rk, item_id, rebate, lines.
pub fn top_items(lines: &[Line<'_>]) -> Vec<String> {
    type Items<'a> = BTreeMap<Option<&'a str>, Vec<Option<i128>>>;
    let mut categories: BTreeMap<(Option<&str>, &str), Items<'_>> = BTreeMap::new();
    for line in lines.iter().filter(|line| !is_lost(line.txn.status)) {
        let Some(rated) = &line.rated else { continue };
        let items = categories.entry((line.txn.category_id.as_deref(), line.txn.currency)).or_default();
        items.entry(line.txn.item_id.as_deref()).or_default().push(rated.rebate);
    }
    let mut rows = vec![];
    for ((category, currency), items) in categories {
        let sum = |rebates: &[Option<i128>]| rebates.iter().flatten().copied().reduce(|a, b| a + b);
        let mut items: Vec<_> = items.into_iter().collect();
        // Unknown sums come last, as None does when all are turned round.
        items.sort_by_key(|(item, rebates)| (Reverse(sum(rebates)), *item));
        for (rank, (item, rebates)) in items.into_iter().take(TOP).enumerate() {
            let cells = [known(category, text), text(currency), count(rank + 1), known(item, text)];
            rows.push(row(cells.into_iter().chain([total(rebates.iter().copied()), count(rebates.len())])));
        }
    }
    rows
}

/// `fraud_order_and_return`: user_id, lines, lines_lost, penalties.
pub fn fraud_order_and_return(lines: &[Line<'_>]) -> Vec<String> {
    let mut users: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.txn.status != "TRACKED") {
        let Some(user) = line.user else { continue };
        let counts = users.entry(user).or_default();
        counts[0] += 1;
        counts[1] += usize::from(is_lost(line.txn.status));
        counts[2] += usize::from(line.txn.status == "REVERSED");
    }
    let suspects = users.into_iter().filter(|(_, [lines, lost, _])| *lines >= 5 && 2 * lost >= *lines);
    suspects.map(|(user, counts)| row([text(user)].into_iter().chain(counts.map(count)))).collect()
}
