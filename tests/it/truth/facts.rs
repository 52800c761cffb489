//! What the generator's rows say, put in order: deliveries once, newest versions, reports by line. Plain Rust over the
//! rows: no SQL, no decoder, no operator.

use std::collections::{BTreeMap, HashMap};

use rebateflow::demo::{
    AffiliateTxn, Campaign, ClickEvent, FxRate, InviterRate, LedgerEntry, MemberLevel, RateRule, RefundEvent,
    RiskSignal, Row, Sku, StatementLine, StockMovement, StockSnapshot, UserBinding, UserCurrent, UserLevel, Withdrawal,
};

/// Reports that are dated so much after we received them do not count.
const EARLY_US: i64 = 5 * 60 * 1_000_000;

/// Platform and order line.
pub type LineKey<'a> = (&'a str, &'a str);

/// Everything that the views are computed from.
#[derive(Default)]
pub struct Facts<'a> {
    /// Reports that count, by line, each once, oldest version first.
    pub reports: BTreeMap<LineKey<'a>, Vec<&'a AffiliateTxn>>,
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
    pub exchange: Vec<&'a FxRate>,
    pub skus: BTreeMap<&'a str, &'a Sku>,
    pub movements: BTreeMap<&'a str, &'a StockMovement>,
    /// The last stocktake by SKU and warehouse.
    pub stocktakes: BTreeMap<(&'a str, &'a str), &'a StockSnapshot>,
}

/// Keeps the one with the greater version.
fn newest<'a, K: Ord + Clone, T>(of: &mut BTreeMap<K, &'a T>, key: K, row: &'a T, version: impl Fn(&T) -> i64) {
    let current = of.entry(key).or_insert(row);
    if version(row) > version(current) {
        *current = row;
    }
}

impl<'a> Facts<'a> {
    /// Sorts the rows out. Repeated deliveries are equal, so any of them will do.
    pub fn of(rows: impl Iterator<Item = &'a Row>) -> Facts<'a> {
        let mut facts = Facts::default();
        let (mut reports, mut rules, mut levels) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut users: BTreeMap<&str, &UserCurrent> = BTreeMap::new();
        let mut rates: BTreeMap<(i64, i64), &InviterRate> = BTreeMap::new();
        let mut statements = BTreeMap::new();
        for row in rows {
            match row {
                Row::AffiliateTxn(txn) if txn.source_modified <= txn.ingest_time + EARLY_US => {
                    reports.insert(txn.event_id.as_str(), &**txn);
                }
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
                Row::StockSnapshot(take) => facts.add_stocktake(take),
                _ => {}
            }
        }
        facts.users = users.into_iter().collect();
        facts.statements = statements.into_values().collect();
        facts.inviter_rates = rates.into_values().collect();
        for rule in rules.into_values() {
            facts.rules.entry(rule.platform).or_default().push(rule);
        }
        for level in levels.into_values() {
            facts.levels.entry(&level.user_id).or_default().push(level);
        }
        for report in reports.into_values() {
            facts.reports.entry((report.platform, &report.order_line_id)).or_default().push(report);
        }
        for versions in facts.reports.values_mut() {
            versions.sort_by_key(|v| (v.source_modified, v.status_rank, v.ingest_time, v.event_id.clone()));
        }
        facts
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

    fn add_stocktake(&mut self, take: &'a StockSnapshot) {
        let current = self.stocktakes.entry((&take.sku_id, &take.warehouse_id)).or_insert(take);
        if (take.event_time, &take.snapshot_id) > (current.event_time, &current.snapshot_id) {
            *current = take;
        }
    }
}
