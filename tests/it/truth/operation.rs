//! The rows that views of logs, reports, collectors, claims and risk must have, as texts.

use std::collections::{BTreeMap, HashMap};

use rebateflow::demo::{AffiliateRaw, AffiliateTxn, SystemLog};

use super::facts::{Facts, is_early};
use super::lines::Line;
use super::text::{count, known, money, number, rate, ratio, row, text};

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;

/// `api_health_1m`: service, route, minute, requests, errors, refused, error_rate.
pub fn api_health_1m(facts: &Facts<'_>) -> Vec<String> {
    let mut minutes: BTreeMap<(&str, &str, i64), Vec<&SystemLog>> = BTreeMap::new();
    for log in facts.logs.values() {
        let minute = log.event_time.div_euclid(MINUTE_US) * MINUTE_US;
        minutes.entry((log.service, log.route, minute)).or_default().push(log);
    }
    let of = |((service, route, minute), logs): ((&str, &str, i64), Vec<&SystemLog>)| {
        let errors = logs.iter().filter(|log| log.status >= 500).count();
        let refused = logs.iter().filter(|log| (400..500).contains(&log.status)).count();
        let counts = [logs.len(), errors, refused].map(count);
        let place = [text(service), text(route), number(minute)];
        row(place.into_iter().chain(counts).chain([ratio(errors, logs.len())]))
    };
    minutes.into_iter().map(of).collect()
}

/// `ingest_lag_1m`: platform, minute, reports, early, out_of_order, repeated. What came in one fetch came at one time.
pub fn ingest_lag_1m(facts: &Facts<'_>) -> Vec<String> {
    let mut minutes: BTreeMap<(&str, i64), [usize; 4]> = BTreeMap::new();
    let mut deliveries = facts.deliveries.clone();
    deliveries.sort_by_key(|report| (report.ingest_time, report.source_modified));
    let mut newest: HashMap<(&str, &str), i64> = HashMap::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for report in deliveries {
        let minute = report.ingest_time.div_euclid(MINUTE_US) * MINUTE_US;
        let newest = newest.entry((report.platform, &report.order_line_id)).or_insert(i64::MIN);
        let is_late = report.source_modified < *newest;
        *newest = report.source_modified.max(*newest);
        let deliveries = seen.entry(&report.event_id).or_default();
        *deliveries += 1;
        let counts = minutes.entry((report.platform, minute)).or_default();
        counts[0] += 1;
        counts[1] += usize::from(report.ingest_time < report.source_modified);
        counts[2] += usize::from(is_late);
        counts[3] += usize::from(*deliveries > 1);
    }
    let of = |((platform, minute), counts): ((&str, i64), [usize; 4])| {
        row([text(platform), number(minute)].into_iter().chain(counts.map(count)))
    };
    minutes.into_iter().map(of).collect()
}

/// `quarantined_reports`: platform, order_line_id, source_modified, ingest_time, status.
pub fn quarantined_reports(facts: &Facts<'_>) -> Vec<String> {
    let of = |report: &&AffiliateTxn| {
        let times = [report.source_modified, report.ingest_time].map(number);
        row([text(report.platform), text(&report.order_line_id)].into_iter().chain(times).chain([text(report.status)]))
    };
    facts.deliveries.iter().filter(|report| is_early(report)).map(of).collect()
}

/// `collector_health`: platform, api, hour, fetches, failures, throttled, records, last_fetched_at.
pub fn collector_health(facts: &Facts<'_>) -> Vec<String> {
    let mut hours: BTreeMap<(&str, &str, i64), Vec<&AffiliateRaw>> = BTreeMap::new();
    for fetch in facts.fetches.values() {
        let hour = fetch.fetched_at.div_euclid(HOUR_US) * HOUR_US;
        hours.entry((fetch.platform, fetch.api, hour)).or_default().push(fetch);
    }
    let of = |((platform, api, hour), fetches): ((&str, &str, i64), Vec<&AffiliateRaw>)| {
        let having = |wanted: &dyn Fn(i64) -> bool| fetches.iter().filter(|fetch| wanted(fetch.http_status)).count();
        let counts = [fetches.len(), having(&|status| status >= 400), having(&|status| status == 429)].map(count);
        let records = fetches.iter().filter_map(|fetch| fetch.records).reduce(|a, b| a + b);
        let good = fetches.iter().filter(|fetch| fetch.http_status < 400).map(|fetch| fetch.fetched_at).max();
        let place = [text(platform), text(api), number(hour)];
        row(place.into_iter().chain(counts).chain([known(records, number), known(good, number)]))
    };
    hours.into_iter().map(of).collect()
}

/// `collector_silent`: platform, api, last_fetched_at.
pub fn collector_silent(facts: &Facts<'_>, as_of: i64) -> Vec<String> {
    let mut last: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for fetch in facts.fetches.values().filter(|fetch| fetch.http_status < 400) {
        let newest = last.entry((fetch.platform, fetch.api)).or_insert(fetch.fetched_at);
        *newest = fetch.fetched_at.max(*newest);
    }
    let silent = last.into_iter().filter(|(_, last)| *last < as_of - 20 * MINUTE_US);
    silent.map(|((platform, api), last)| row([text(platform), text(api), number(last)])).collect()
}

/// `held_subjects`: subject_type, subject_id, rule, score, held_since.
pub fn held_subjects(facts: &Facts<'_>) -> Vec<String> {
    let held = facts.signals.values().filter(|signal| signal.action == "HOLD");
    held.map(|signal| {
        let what = [text(signal.subject_type), text(&signal.subject_id), text(signal.rule)];
        row(what.into_iter().chain([rate(Some(signal.score)), number(signal.event_time)]))
    })
    .collect()
}

/// `claims_open`: user_id, claim_id, platform, order_ref, status, event_time, lines_found.
pub fn claims_open(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    let mut found: HashMap<(&str, &str), usize> = HashMap::new();
    for line in lines {
        *found.entry((line.key.0, &line.txn.parent_order_id)).or_default() += 1;
    }
    let open = facts.claims.values().filter(|claim| matches!(claim.status, "OPEN" | "SENT"));
    open.map(|claim| {
        let names = [&claim.user_id, &claim.claim_id, claim.platform, &claim.order_ref, claim.status].map(text);
        let lines = found.get(&(claim.platform, claim.order_ref.as_str())).copied();
        row(names.into_iter().chain([number(claim.event_time), known(lines, count)]))
    })
    .collect()
}

/// `network_txn`: all of a report but what SQL makes up.
pub fn network_txn(facts: &Facts<'_>) -> Vec<String> {
    let name = |value: &Option<String>| known(value.as_deref(), text);
    let whole = |value: Option<i64>| known(value, number);
    let of = |said: &&AffiliateTxn| {
        row([
            text(said.platform),
            text(&said.order_line_id),
            number(said.source_modified),
            text(said.status),
            number(said.status_rank),
            name(&said.user_id),
            text(&said.merchant_id),
            name(&said.item_id),
            name(&said.category_id),
            text(said.currency),
            money(Some(said.pay_amount)),
            rate(said.commission_rate),
            money(said.est_commission),
            money(said.act_commission),
            rate(Some(said.service_fee_rate)),
            whole(said.pay_time),
            whole(said.receive_time),
            whole(said.settle_time),
            number(said.ingest_time),
            text(&said.parent_order_id),
            name(&said.click_id),
            name(&said.sub_id),
            name(&said.sku_id),
            whole(said.qty),
            whole(said.qty_returned),
            money(said.settle_amount),
            money(said.service_fee),
            whole(said.click_time),
            number(said.order_time),
        ])
    };
    facts.collected.iter().map(of).collect()
}

/// `awin_parts`: order_line_id, currency, commission, parts, difference.
pub fn awin_parts(facts: &Facts<'_>, lines: &[Line<'_>]) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let parts = facts.awin_parts.get(&(line.key.1, line.txn.ingest_time)).filter(|_| line.key.0 == "AWIN")?;
        let commission = line.txn.est_commission.expect("a transaction has a commission");
        let amounts = [commission, *parts, parts - commission].map(|amount| money(Some(amount)));
        (*parts != commission).then(|| row([text(line.key.1), text(line.txn.currency)].into_iter().chain(amounts)))
    };
    lines.iter().filter_map(of).collect()
}
