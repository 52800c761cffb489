//! What the generator's rows say, put in order: deliveries once, newest versions, reports by line. Plain Rust over the
//! rows: no SQL, no decoder, no operator. Of a record of a network counts what the generator says that it means, which
//! is the state of the line that it was written from.

use std::collections::{BTreeMap, HashMap};

use rebateflow::demo::{
    AffiliateRaw, AffiliateTxn, Campaign, Claim, ClickEvent, FxRate, Generated, InviterRate, LedgerEntry, Meaning,
    MemberLevel, RateRule, Record, RefundEvent, RiskSignal, Row, Sku, StatementLine, StockMovement, StockSnapshot,
    SystemLog, UserBinding, UserCurrent, UserLevel, Withdrawal,
};

use super::text::{number, row, text};

/// Reports that are dated so much after we received them do not count.
const EARLY_US: i64 = 5 * 60 * 1_000_000;

/// Whether a report is dated too long after we received it to count.
pub fn is_early(report: &AffiliateTxn) -> bool {
    report.source_modified > report.ingest_time + EARLY_US
}

/// Platform and order line.
pub type LineKey<'a> = (&'a str, &'a str);

/// Everything that the views are computed from.
#[derive(Default)]
pub struct Facts<'a> {
    /// Reports that count, by line, each once, oldest version first.
    pub reports: BTreeMap<LineKey<'a>, Vec<&'a AffiliateTxn>>,
    /// All reports, at each delivery.
    pub deliveries: Vec<&'a AffiliateTxn>,
    /// Those of them that collectors found.
    pub collected: Vec<&'a AffiliateTxn>,
    /// Rows of `network_rejects`.
    pub rejects: Vec<String>,
    pub fetches: BTreeMap<&'a str, &'a AffiliateRaw>,
    /// The sum of the parts of Awin's transactions, as read at a time.
    pub awin_parts: BTreeMap<(&'a str, i64), i128>,
    pub logs: BTreeMap<&'a str, &'a SystemLog>,
    pub claims: BTreeMap<&'a str, &'a Claim>,
    pub clicks: HashMap<&'a str, &'a ClickEvent>,
    pub bindings: HashMap<(&'a str, &'a str), &'a UserBinding>,
    pub users: HashMap<&'a str, &'a UserCurrent>,
    /// By user, in any order.
    pub levels: HashMap<&'a str, Vec<&'a UserLevel>>,
    pub multipliers: Vec<(&'a str, i64, i64, i128)>,
    /// By platform, in any order.
    pub rules: HashMap<&'a str, Vec<&'a RateRule>>,
    pub inviter_rates: Vec<&'a InviterRate>,
    pub campaigns: HashMap<&'a str, &'a Campaign>,
    pub ledger: BTreeMap<&'a str, &'a LedgerEntry>,
    pub withdrawals: BTreeMap<&'a str, &'a Withdrawal>,
    pub statements: Vec<&'a StatementLine>,
    /// The newest HOLD or RELEASE of each subject.
    pub signals: BTreeMap<(&'a str, &'a str), &'a RiskSignal>,
    pub refunds: BTreeMap<(&'a str, &'a str), &'a RefundEvent>,
    /// What collectors found of lines at events, as read last.
    states: BTreeMap<(LineKey<'a>, &'a str), &'a AffiliateTxn>,
    pub exchange: Vec<&'a FxRate>,
    pub skus: BTreeMap<&'a str, &'a Sku>,
    pub movements: BTreeMap<&'a str, &'a StockMovement>,
    pub stocktakes: BTreeMap<&'a str, &'a StockSnapshot>,
}

/// Keeps the one with the greater version.
fn newest<'a, K: Ord + Clone, T>(of: &mut BTreeMap<K, &'a T>, key: K, row: &'a T, version: impl Fn(&T) -> i64) {
    let current = of.entry(key).or_insert(row);
    if version(row) > version(current) {
        *current = row;
    }
}

fn row_of(names: [String; 5], fetched_at: i64) -> String {
    row(names.into_iter().chain([number(fetched_at)]))
}

impl<'a> Facts<'a> {
    /// Sorts the rows out. Repeated deliveries are equal, so any of them will do.
    pub fn of(messages: impl Iterator<Item = &'a Generated>) -> Facts<'a> {
        let mut facts = Facts::default();
        let (mut rules, mut levels) = (BTreeMap::new(), BTreeMap::new());
        let mut users: BTreeMap<&str, &UserCurrent> = BTreeMap::new();
        let mut rates: BTreeMap<(i64, i64), &InviterRate> = BTreeMap::new();
        let mut statements = BTreeMap::new();
        for message in messages {
            let Some(row) = &message.row else { continue };
            message.meanings.iter().for_each(|meaning| facts.add_meaning(row, meaning));
            match row {
                Row::AffiliateTxn(txn) => facts.deliveries.push(txn),
                Row::AffiliateRaw(fetch) => {
                    facts.fetches.insert(&fetch.fetch_id, fetch);
                }
                Row::Record(record) if record.table == "raw_awin" => facts.add_parts(record),
                Row::SystemLog(log) => {
                    facts.logs.insert(&log.event_id, log);
                }
                Row::Claim(claim) => newest(&mut facts.claims, claim.claim_id.as_str(), claim, |claim| claim.version),
                Row::ClickEvent(click) => {
                    facts.clicks.insert(&click.click_id, click);
                }
                Row::UserBinding(binding) => {
                    facts.bindings.insert((binding.platform, &binding.sub_id), binding);
                }
                Row::UserCurrent(user) => newest(&mut users, user.user_id.as_str(), user, |user| user.version),
                Row::UserLevel(level) => {
                    newest(&mut levels, (level.user_id.as_str(), level.valid_from), level, |level| level.version);
                }
                Row::MemberLevel(level) => facts.add_multiplier(level),
                Row::RateRule(rule) => newest(&mut rules, rule.rule_id.as_str(), rule, |rule| rule.version),
                Row::InviterRate(rate) => newest(&mut rates, (rate.tier, rate.valid_from), rate, |rate| rate.version),
                Row::Campaign(campaign) => {
                    facts.campaigns.insert(&campaign.campaign_id, campaign);
                }
                Row::LedgerEntry(entry) => {
                    facts.ledger.insert(&entry.entry_id, entry);
                }
                Row::Withdrawal(version) => {
                    newest(&mut facts.withdrawals, &version.withdrawal_id, version, |version| version.version);
                }
                Row::StatementLine(line) => {
                    statements.insert((line.file_id.as_str(), line.line_no), &**line);
                }
                Row::RefundEvent(refund) => {
                    let key = (refund.platform, refund.refund_id.as_str());
                    newest(&mut facts.refunds, key, refund, |refund| refund.version);
                }
                Row::FxRate(rate) if !facts.exchange.contains(&&**rate) => facts.exchange.push(rate),
                Row::Sku(sku) => newest(&mut facts.skus, sku.sku_id.as_str(), sku, |sku| sku.version),
                Row::RiskSignal(signal) => facts.add_signal(signal),
                Row::StockMovement(movement) => {
                    facts.movements.insert(&movement.movement_id, movement);
                }
                Row::StockSnapshot(take) => {
                    facts.stocktakes.insert(&take.snapshot_id, take);
                }
                _ => {}
            }
        }
        facts.users = users.into_iter().collect();
        facts.statements = statements.into_values().collect();
        facts.inviter_rates = rates.into_values().collect();
        rules.into_values().for_each(|rule| facts.rules.entry(rule.platform).or_default().push(rule));
        levels.into_values().for_each(|level| facts.levels.entry(&level.user_id).or_default().push(level));
        facts.sort_reports();
        facts
    }

    /// The reports that count, each once, by line and in the order of their versions.
    fn sort_reports(&mut self) {
        let states: Vec<&AffiliateTxn> = self.states.values().copied().collect();
        self.collected.extend(&states);
        self.deliveries.extend(&states);
        let counting = self.deliveries.iter().filter(|report| !is_early(report));
        let once: BTreeMap<_, _> = counting.map(|r| ((r.event_id.as_str(), r.ingest_time), *r)).collect();
        for report in once.into_values() {
            self.reports.entry((report.platform, &report.order_line_id)).or_default().push(report);
        }
        for versions in self.reports.values_mut() {
            versions.sort_by_key(|v| (v.source_modified, v.status_rank, v.ingest_time, v.event_id.clone()));
        }
    }

    fn add_meaning(&mut self, row: &'a Row, meaning: &'a Meaning) {
        match meaning {
            Meaning::Report(report) => {
                self.deliveries.push(report);
                self.collected.push(report);
            }
            Meaning::State(state) => {
                let key = ((state.platform, state.order_line_id.as_str()), state.event_id.as_str());
                newest(&mut self.states, key, state, |state| state.ingest_time);
            }
            Meaning::Refund(refund) => {
                newest(&mut self.refunds, (refund.platform, &refund.refund_id), refund, |refund| refund.version);
            }
            Meaning::Reject { platform, record_id, field, value, fetched_at } => {
                let source = row.table().strip_prefix("raw_").expect("a record");
                let names = [platform, source, record_id, field, value].map(text);
                self.rejects.push(row_of(names, *fetched_at));
            }
        }
    }

    /// Adds up the parts of a transaction of Awin.
    fn add_parts(&mut self, record: &'a Record) {
        let id = record.get("id").expect("a record has its id");
        let list: serde_json::Value =
            serde_json::from_str(record.get("transactionParts").expect("a list")).expect("JSON");
        let parts = list.as_array().expect("a list").iter().map(|part| {
            let text = part["commissionAmount"].to_string();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            format!("{whole}{fraction:0<2}").parse::<i128>().expect("an amount in hundredths")
        });
        self.awin_parts.insert((id, record.fetched_at), parts.sum());
    }

    fn add_multiplier(&mut self, level: &MemberLevel) {
        let multiplier = (level.level, level.valid_from, level.valid_to, level.multiplier);
        if !self.multipliers.contains(&multiplier) {
            self.multipliers.push(multiplier);
        }
    }

    fn add_signal(&mut self, signal: &'a RiskSignal) {
        let current = self.signals.entry((signal.subject_type, &signal.subject_id)).or_insert(signal);
        if (signal.event_time, &signal.signal_id) > (current.event_time, &current.signal_id) {
            *current = signal;
        }
    }

    /// Whether risk control holds a user or a line.
    pub fn holds(&self, subject_type: &str, subject: &str) -> bool {
        self.signals.get(&(subject_type, subject)).is_some_and(|signal| signal.action == "HOLD")
    }
}
