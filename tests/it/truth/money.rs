//! The rows that views of rebates must have, as texts.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::lines::{Line, Share, is_lost};
use super::text::{count, known, money, number, rate, row, text, total};

const ZONE_US: i64 = 8 * 3_600_000_000;
const DAY_US: i64 = 86_400_000_000;

/// The business day of an instant, as days since 1970-01-01.
pub fn business_day(at: i64) -> i64 {
    (at + ZONE_US).div_euclid(DAY_US)
}

/// The instant at which a business day begins.
pub fn day_start(day: i64) -> i64 {
    day * DAY_US - ZONE_US
}

/// `txn_latest`: platform, order_line_id, source_modified, status, commission_net.
pub fn txn_latest(lines: &[Line<'_>]) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let state = [number(line.txn.source_modified), text(line.txn.status), money(line.net)];
        row([text(line.key.0), text(line.key.1)].into_iter().chain(state))
    };
    lines.iter().map(of).collect()
}

/// `rebate_line`: platform, order_line_id, user_id, status, rule_id, rule_version, commission_net, rebate.
pub fn rebate_line(lines: &[Line<'_>]) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let rated = line.rated.as_ref()?;
        Some(row([
            text(line.key.0),
            text(line.key.1),
            line.user.map_or("NULL".to_string(), text),
            text(line.txn.status),
            text(&rated.rule.rule_id),
            number(rated.rule.version),
            money(line.net),
            money(rated.rebate),
        ]))
    };
    lines.iter().filter_map(of).collect()
}

/// `unrated_lines`: platform, order_line_id, reason.
pub fn unrated_lines(lines: &[Line<'_>]) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let has_rebate = line.rated.as_ref().is_some_and(|rated| rated.rebate.is_some());
        if line.txn.status == "TRACKED" || has_rebate {
            return None;
        }
        let reason = match line {
            Line { txn, .. } if txn.pay_time.is_none() => "NO_PAY_TIME",
            Line { net: None, .. } => "NO_COMMISSION",
            Line { rated: None, .. } => "NO_RULE",
            _ => "UNKNOWN_LEVEL",
        };
        Some(row([text(line.key.0), text(line.key.1), text(reason)]))
    };
    lines.iter().filter_map(of).collect()
}

/// `user_rebate_balance`: user_id, currency, the states, lost, lines.
pub fn user_rebate_balance(lines: &[Line<'_>]) -> Vec<String> {
    const STATES: [&str; 6] = ["TRACKED", "PENDING", "RECEIVED", "APPROVED", "PAYABLE", "PAID"];
    let mut balances: BTreeMap<(&str, &str), ([i128; 7], i64)> = BTreeMap::new();
    for line in lines {
        let (Some(user), Some(rated)) = (line.user, &line.rated) else { continue };
        let (amounts, lines) = balances.entry((user, line.txn.currency)).or_default();
        *lines += 1;
        if let Some(state) = STATES.iter().position(|state| *state == line.txn.status) {
            amounts[state] += rated.rebate.unwrap_or_default();
        }
        amounts[6] += rated.promised.flatten().unwrap_or_default();
    }
    let of = |((user, currency), (amounts, lines)): ((&str, &str), ([i128; 7], i64))| {
        let amounts = amounts.map(|amount| money(Some(amount)));
        row([text(user), text(currency)].into_iter().chain(amounts).chain([number(lines)]))
    };
    balances.into_iter().map(of).collect()
}

/// `rebate_daily_by_merchant`: merchant_id, platform, currency, pay_day, lines, buyers, commission_net, rebate,
/// lines_lost.
pub fn rebate_daily_by_merchant(lines: &[Line<'_>]) -> Vec<String> {
    type Day<'a> = (Vec<&'a Line<'a>>, BTreeSet<&'a str>);
    let mut days: BTreeMap<(&str, &str, &str, i64), Day<'_>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.rated.is_some()) {
        let day = business_day(line.txn.pay_time.expect("rated lines are paid"));
        let key = (line.txn.merchant_id.as_str(), line.txn.platform, line.txn.currency, day);
        let (lines, buyers) = days.entry(key).or_default();
        lines.push(line);
        buyers.extend(line.user);
    }
    let of = |((merchant, platform, currency, day), (lines, buyers)): ((&str, &str, &str, i64), Day<'_>)| {
        let rebates = lines.iter().map(|line| line.rated.as_ref().and_then(|rated| rated.rebate));
        row([
            text(merchant),
            text(platform),
            text(currency),
            number(day),
            count(lines.len()),
            count(buyers.len()),
            total(lines.iter().map(|line| line.net)),
            total(rebates),
            count(lines.iter().filter(|line| is_lost(line.txn.status)).count()),
        ])
    };
    days.into_iter().map(of).collect()
}

/// `inviter_earnings`: inviter_id, currency, tier, buyers, lines, earned.
pub fn inviter_earnings(shares: &[Share<'_>]) -> Vec<String> {
    let mut inviters: BTreeMap<(&str, &str, i64), Vec<&Share<'_>>> = BTreeMap::new();
    for share in shares {
        inviters.entry((share.inviter, share.currency, share.tier)).or_default().push(share);
    }
    let of = |((inviter, currency, tier), shares): ((&str, &str, i64), Vec<&Share<'_>>)| {
        let buyers: BTreeSet<&str> = shares.iter().map(|share| share.buyer).collect();
        let earned = total(shares.iter().map(|share| share.amount));
        row([text(inviter), text(currency), number(tier), count(buyers.len()), count(shares.len()), earned])
    };
    inviters.into_iter().map(of).collect()
}

/// `inviter_share`: platform, order_line_id, tier, inviter_id, buyer_id, currency, status, rate, share.
pub fn inviter_share(shares: &[Share<'_>]) -> Vec<String> {
    let of = |share: &Share<'_>| {
        let line = [text(share.line.0), text(share.line.1), number(share.tier)];
        let names = [share.inviter, share.buyer, share.currency, share.status].map(text);
        row(line.into_iter().chain(names).chain([rate(Some(share.rate)), money(share.amount)]))
    };
    shares.iter().map(of).collect()
}

/// Who gets what of a line's commission.
pub struct Split<'a> {
    line: &'a Line<'a>,
    net: Option<i128>,
    rebate: Option<i128>,
    inviters: [i128; 2],
    bonus: i128,
    margin: Option<i128>,
}

/// The split of every line that has a rule.
pub fn splits<'a>(facts: &Facts<'_>, lines: &'a [Line<'a>], shares: &[Share<'_>]) -> Vec<Split<'a>> {
    let mut bonuses: BTreeMap<(&str, &str, &str), i128> = BTreeMap::new();
    for entry in facts.ledger.values() {
        let origin = entry.reverses_entry_id.as_deref().and_then(|id| facts.ledger.get(id)).unwrap_or(entry);
        let (Some(platform), Some(line)) = (entry.platform, entry.order_line_id.as_deref()) else { continue };
        if matches!(origin.entry_type, "BONUS" | "FIRST_ORDER") {
            *bonuses.entry((platform, line, entry.currency)).or_default() += entry.amount;
        }
    }
    let mut of_inviters: BTreeMap<(&str, &str, i64), Option<i128>> = BTreeMap::new();
    for share in shares {
        of_inviters.insert((share.line.0, share.line.1, share.tier), share.amount);
    }
    let of = |line: &'a Line<'a>| {
        let rated = line.rated.as_ref()?;
        let is_lost = is_lost(line.txn.status);
        let net = if is_lost { Some(0) } else { line.net };
        let rebate = if is_lost || line.user.is_none() { Some(0) } else { rated.rebate };
        // A share that is not known counts as nothing.
        let share = |tier| of_inviters.get(&(line.key.0, line.key.1, tier)).copied().flatten().unwrap_or_default();
        let inviters = [share(1), share(2)];
        let bonus = bonuses.get(&(line.key.0, line.key.1, line.txn.currency)).copied().unwrap_or_default();
        let margin = net.zip(rebate).map(|(net, rebate)| net - rebate - share(1) - share(2) - bonus);
        Some(Split { line, net, rebate, inviters, bonus, margin })
    };
    lines.iter().filter_map(of).collect()
}

/// `line_split`: platform, order_line_id, commission_net, rebate, inviter_1, inviter_2, bonus, margin.
pub fn line_split(splits: &[Split<'_>]) -> Vec<String> {
    let of = |split: &Split<'_>| {
        let [first, second] = split.inviters.map(Some);
        let amounts = [split.net, split.rebate, first, second, Some(split.bonus), split.margin].map(money);
        row([text(split.line.key.0), text(split.line.key.1)].into_iter().chain(amounts))
    };
    splits.iter().map(of).collect()
}

/// `platform_margin`: level, currency, platform, merchant_id, lines, commission_net, rebate, inviters, bonus, margin,
/// lines_negative.
pub fn platform_margin(splits: &[Split<'_>]) -> Vec<String> {
    type Group<'a> = (&'static str, &'a str, Option<&'a str>, Option<&'a str>);
    let mut groups: BTreeMap<Group<'_>, Vec<&Split<'_>>> = BTreeMap::new();
    for split in splits {
        let (currency, platform) = (split.line.txn.currency, Some(split.line.key.0));
        groups.entry(("ALL", currency, None, None)).or_default().push(split);
        groups.entry(("PLATFORM", currency, platform, None)).or_default().push(split);
        let merchant = Some(split.line.txn.merchant_id.as_str());
        groups.entry(("MERCHANT", currency, platform, merchant)).or_default().push(split);
    }
    let of = |((level, currency, platform, merchant), splits): (Group<'_>, Vec<&Split<'_>>)| {
        let sum = |amount: &dyn Fn(&Split<'_>) -> Option<i128>| total(splits.iter().map(|split| amount(split)));
        row([
            text(level),
            text(currency),
            known(platform, text),
            known(merchant, text),
            count(splits.len()),
            sum(&|split| split.net),
            sum(&|split| split.rebate),
            sum(&|split| Some(split.inviters.iter().sum())),
            sum(&|split| Some(split.bonus)),
            sum(&|split| split.margin),
            count(splits.iter().filter(|split| split.margin.is_some_and(|margin| margin < 0)).count()),
        ])
    };
    groups.into_iter().map(of).collect()
}
