//! The rows that views of factors, rates and overdue settlements must have, as texts.

use std::collections::BTreeMap;

use rebateflow::demo::AffiliateTxn;

use super::books::month_of;
use super::facts::{Facts, LineKey};
use super::lines::Line;
use super::money::{business_day, day_start};
use super::text::{count, decimal, known, money, number, rate, row, text};

const MILLION: i128 = 1_000_000;

/// `rebate_explain`: see the columns in `views`.
pub fn rebate_explain(facts: &Facts<'_>, lines: &[Line<'_>], clicks: &[(LineKey<'_>, &str, &str)]) -> Vec<String> {
    let clicks: BTreeMap<LineKey<'_>, (&str, &str)> =
        clicks.iter().map(|(line, method, click)| (*line, (*method, *click))).collect();
    let of = |line: &Line<'_>| {
        let (rated, txn) = (line.rated.as_ref()?, line.txn);
        // Millionths of millionths of hundredths: 14 digits.
        let product = line.net.zip(rated.multiplier).map(|(net, level)| net * rated.rule.user_share * level);
        let cap = rated.rule.cap_per_order;
        let is_over = product.zip(cap).map(|(product, cap)| product > cap * MILLION * MILLION);
        let is_capped = is_over.zip(rated.rebate.zip(cap)).map(|(is_over, (rebate, cap))| is_over && rebate == cap);
        let click = clicks.get(&line.key).copied();
        let clicked = click.map(|(_, id)| facts.clicks[id]);
        let fee = txn.act_commission.or(txn.est_commission).zip(line.net).map(|(whole, net)| whole - net);
        let quoted = line.click;
        Some(row([
            known(line.user, text),
            text(line.key.0),
            text(line.key.1),
            known(line.user_source, text),
            text(txn.status),
            number(txn.source_modified),
            number(txn.ingest_time),
            known(txn.pay_time, number),
            money(Some(txn.pay_amount)),
            money(txn.settle_amount),
            rate(txn.commission_rate),
            money(txn.est_commission),
            money(txn.act_commission),
            rate(Some(txn.service_fee_rate)),
            money(fee),
            money(line.net),
            text(&rated.rule.rule_id),
            number(rated.rule.version),
            rate(Some(rated.rule.user_share)),
            known(rated.level, text),
            rate(rated.multiplier),
            known(product, |product| decimal(product, 14)),
            money(cap),
            money(rated.rebate),
            known(is_capped, |is_capped| is_capped.to_string()),
            rate(quoted.and_then(|click| click.quoted_share)),
            known(quoted.and_then(|click| click.rule_id.as_deref()), text),
            known(quoted.and_then(|click| click.rule_version), number),
            known(click, |(method, _)| text(method)),
            known(click, |(_, id)| text(id)),
            known(clicked, |click| number(click.event_time)),
        ]))
    };
    lines.iter().filter_map(of).collect()
}

/// `rate_drift`: platform, merchant_id, category_id, lines, rate_min, rate_max, formula_mismatches.
pub fn rate_drift(lines: &[Line<'_>]) -> Vec<String> {
    let mut groups: BTreeMap<(&str, &str, Option<&str>), Vec<&AffiliateTxn>> = BTreeMap::new();
    for line in lines {
        let key = (line.key.0, line.txn.merchant_id.as_str(), line.txn.category_id.as_deref());
        groups.entry(key).or_default().push(line.txn);
    }
    let differs = |txn: &&&AffiliateTxn| {
        let parts = txn.commission_rate.zip(txn.est_commission);
        parts.is_some_and(|(rate, commission)| (txn.pay_amount * rate - commission * MILLION).abs() > MILLION)
    };
    let of = |((platform, merchant, category), txns): ((&str, &str, Option<&str>), Vec<&AffiliateTxn>)| {
        let rates = || txns.iter().filter_map(|txn| txn.commission_rate);
        let names = [text(platform), text(merchant), known(category, text)];
        let ends = [rates().min(), rates().max()].map(rate);
        let wrong = count(txns.iter().filter(differs).count());
        row(names.into_iter().chain([count(txns.len())]).chain(ends).chain([wrong]))
    };
    groups.into_iter().map(of).collect()
}

/// `settlements_overdue`: platform, order_line_id, status, receive_time, est_commission, due_day.
pub fn settlements_overdue(facts: &Facts<'_>, lines: &[Line<'_>], as_of: i64) -> Vec<String> {
    let stated: std::collections::HashSet<LineKey<'_>> =
        facts.statements.iter().map(|line| (line.platform, line.order_line_id.as_str())).collect();
    let of = |line: &Line<'_>| {
        let received = line.txn.receive_time.filter(|_| matches!(line.txn.status, "RECEIVED" | "APPROVED"))?;
        // The month after that of the receipt: no month is longer than 31 days.
        let next_month = month_of(month_of(business_day(received)) + 31);
        let due = next_month + 19;
        let is_overdue = day_start(due + 1) <= as_of && !stated.contains(&line.key);
        let state = [text(line.txn.status), number(received), money(line.txn.est_commission), number(due)];
        is_overdue.then(|| row([text(line.key.0), text(line.key.1)].into_iter().chain(state)))
    };
    lines.iter().filter_map(of).collect()
}
