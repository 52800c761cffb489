//! What each order line earns whom: fen and millionths, cut towards zero.

use std::collections::BTreeMap;

use rebateflow::demo::{AffiliateTxn, ClickEvent, RateRule};

use super::facts::{Facts, LineKey};

const MILLION: i128 = 1_000_000;
/// A click counts for an order so long.
const CLICK_LIFE_US: i64 = 15 * 86_400_000_000;

/// An order line at its newest version, with what follows from it.
pub struct Line<'a> {
    pub key: LineKey<'a>,
    pub txn: &'a AffiliateTxn,
    pub net: Option<i128>,
    pub user: Option<&'a str>,
    /// How we know: by click, binding or report.
    pub user_source: Option<&'static str>,
    /// The click that the network gave back.
    pub click: Option<&'a ClickEvent>,
    pub rated: Option<Rated<'a>>,
}

/// The rule and the multiplier of a line; None: the level has no multiplier.
pub struct Rated<'a> {
    pub rule: &'a RateRule,
    pub level: Option<&'a str>,
    pub multiplier: Option<i128>,
    pub rebate: Option<i128>,
    /// What the line promised before it was lost; the outer None: it is not lost, or promised nothing.
    pub promised: Option<Option<i128>>,
}

/// What an inviter gets of a line.
pub struct Share<'a> {
    pub line: LineKey<'a>,
    pub tier: i64,
    pub inviter: &'a str,
    pub buyer: &'a str,
    pub currency: &'a str,
    pub status: &'a str,
    pub rate: i128,
    pub amount: Option<i128>,
}

pub fn is_lost(status: &str) -> bool {
    matches!(status, "DECLINED" | "REVERSED")
}

/// What is left of a commission after the network's fee.
pub fn net_of(txn: &AffiliateTxn) -> Option<i128> {
    let commission = txn.act_commission.or(txn.est_commission)?;
    Some(commission - txn.service_fee.unwrap_or(commission * txn.service_fee_rate / MILLION))
}

impl Rated<'_> {
    fn amount(&self, net: Option<i128>) -> Option<i128> {
        let uncapped = net? * self.rule.user_share * self.multiplier? / (MILLION * MILLION);
        Some(self.rule.cap_per_order.map_or(uncapped, |cap| uncapped.min(cap)))
    }
}

/// All lines.
pub fn lines<'a>(facts: &Facts<'a>) -> Vec<Line<'a>> {
    facts.reports.iter().map(|(key, versions)| line(facts, *key, versions)).collect()
}

fn line<'a>(facts: &Facts<'a>, key: LineKey<'a>, versions: &[&'a AffiliateTxn]) -> Line<'a> {
    let txn = *versions.last().expect("a line has a report");
    let click_id = txn.click_id.as_deref().or(txn.sub_id.as_deref());
    let click = click_id.and_then(|id| facts.clicks.get(id).copied());
    let binding = txn.sub_id.as_deref().and_then(|sub_id| facts.bindings.get(&(txn.platform, sub_id)));
    let known = [
        click.map(|click| (click.user_id.as_str(), "CLICK")),
        binding.map(|binding| (binding.user_id.as_str(), "BINDING")),
        txn.user_id.as_deref().map(|user| (user, "REPORT")),
    ];
    let (user, user_source) = known.into_iter().flatten().next().unzip();
    let net = net_of(txn);
    let rated = txn.pay_time.and_then(|at| rated(facts, txn, user, at)).map(|mut rated| {
        rated.rebate = rated.amount(net);
        let before = versions.iter().rev().find(|version| !is_lost(version.status));
        rated.promised = before.filter(|_| is_lost(txn.status)).map(|before| rated.amount(net_of(before)));
        rated
    });
    Line { key, txn, net, user, user_source, click, rated }
}

fn rated<'a>(facts: &Facts<'a>, txn: &AffiliateTxn, user: Option<&str>, at: i64) -> Option<Rated<'a>> {
    let matching = facts.rules.get(txn.platform)?.iter().filter(|rule| {
        let fits = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        fits(&rule.merchant_id, Some(&txn.merchant_id))
            && fits(&rule.category_id, txn.category_id.as_deref())
            && (rule.valid_from..rule.valid_to).contains(&at)
    });
    let best = |a: &&&RateRule, b: &&&RateRule| {
        let rank = |rule: &RateRule| (rule.priority, rule.valid_from, rule.version);
        rank(a).cmp(&rank(b)).then_with(|| b.rule_id.cmp(&a.rule_id))
    };
    let rule = *matching.max_by(best)?;
    let levels = user.and_then(|user| facts.levels.get(user)).into_iter().flatten();
    let level = levels.filter(|l| (l.valid_from..l.valid_to).contains(&at)).max_by_key(|l| l.valid_from);
    let multiplier = match level {
        None => Some(MILLION),
        Some(level) => {
            let rows = facts
                .multipliers
                .iter()
                .filter(|(name, from, to, _)| *name == level.level && (*from..*to).contains(&at));
            rows.max_by_key(|(_, from, ..)| *from).map(|(.., multiplier)| *multiplier)
        }
    };
    Some(Rated { rule, level: level.map(|level| level.level), multiplier, rebate: None, promised: None })
}

/// What inviters get: two tiers, nobody of himself, a circle ends at the buyer.
pub fn shares<'a>(facts: &Facts<'a>, lines: &[Line<'a>]) -> Vec<Share<'a>> {
    let mut shares = vec![];
    let inviter_of = |user: &str| facts.users.get(user).and_then(|user| user.inviter_id.as_deref());
    for line in lines.iter().filter(|line| line.rated.is_some() && !is_lost(line.txn.status)) {
        let (Some(buyer), Some(at)) = (line.user, line.txn.pay_time) else { continue };
        let Some(first) = inviter_of(buyer).filter(|first| *first != buyer) else { continue };
        let second = inviter_of(first).filter(|second| *second != first && *second != buyer);
        for (tier, inviter) in [(1, Some(first)), (2, second)] {
            let rates = facts.inviter_rates.iter();
            let rate = rates
                .filter(|rate| rate.tier == tier && (rate.valid_from..rate.valid_to).contains(&at))
                .max_by_key(|rate| rate.valid_from);
            let (Some(inviter), Some(rate)) = (inviter, rate) else { continue };
            let amount = line.net.map(|net| net * rate.rate / MILLION);
            let (currency, status) = (line.txn.currency, line.txn.status);
            shares.push(Share { line: line.key, tier, inviter, buyer, currency, status, rate: rate.rate, amount });
        }
    }
    shares
}

/// Which click led to each line, and how we know.
pub fn clicks<'a>(facts: &Facts<'a>, lines: &[Line<'a>]) -> Vec<(LineKey<'a>, &'static str, &'a str)> {
    let mut of_user: BTreeMap<(&str, &str), Vec<&ClickEvent>> = BTreeMap::new();
    for click in facts.clicks.values() {
        of_user.entry((&click.user_id, &click.merchant_id)).or_default().push(click);
    }
    let mut found = vec![];
    for line in lines {
        if let Some(click) = line.click {
            found.push((line.key, "SUB_ID", click.click_id.as_str()));
            continue;
        }
        let (Some(user), Some(paid)) = (line.user, line.txn.pay_time) else { continue };
        let clicks = of_user.get(&(user, line.txn.merchant_id.as_str())).into_iter().flatten();
        let before = clicks.filter(|c| c.event_time <= paid && c.event_time > paid - CLICK_LIFE_US);
        if let Some(click) = before.max_by_key(|click| (click.event_time, &click.click_id)) {
            found.push((line.key, "LAST_CLICK", &click.click_id));
        }
    }
    found
}
