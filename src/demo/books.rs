//! The books: rebates, inviters' shares and bonuses are posted when a line is settled, taken back whole when the
//! network takes back, and paid out when a user asks for it and has it.

use std::collections::HashMap;

use crate::demo::agenda::Task;
use crate::demo::calendar::{DAY_US, HOUR_US};
use crate::demo::campaign::{BOOST, BOOST_MAX, inviter_rate};
use crate::demo::line::OrderLine;
use crate::demo::tables::{LedgerEntry, Withdrawal};
use crate::demo::users::{LEVELS, user_id};
use crate::demo::world::World;

/// The bonus of a first order that was paid within these days of registration.
const FIRST_ORDER_BONUS: i128 = 5_00;
const FIRST_ORDER_DAYS: i64 = 7;
/// Nobody asks for less, and everybody for whole units.
const WITHDRAWAL_MIN: i128 = 10_00;

const MILLION: i128 = 1_000_000;

/// What the users have.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    balances: HashMap<(u32, &'static str), i128>,
}

/// An entry that can be taken back.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    entry_id: String,
    entry_type: &'static str,
    user: u32,
    amount: i128,
    campaign_id: Option<String>,
}

impl World {
    /// The line is settled: its buyer and his inviters get their shares.
    pub(super) fn post(&mut self, line: &mut OrderLine) {
        self.post_shares(line);
        let is_cny = line.txn.currency == "CNY";
        if let Some(campaign) = line.campaign_id.clone().filter(|_| is_cny) {
            let amount = (line.txn.pay_amount * BOOST / MILLION).min(BOOST_MAX);
            self.post_entry(line, "BONUS", line.user, amount, Some(campaign));
        }
        let paid_at = line.txn.pay_time.unwrap_or(self.now);
        if let Some(user) = self.users.get(line.user)
            && !user.had_bonus
            && paid_at < user.registered_at + FIRST_ORDER_DAYS * DAY_US
            && is_cny
        {
            user.had_bonus = true;
            self.post_entry(line, "FIRST_ORDER", line.user, FIRST_ORDER_BONUS, None);
        }
        let may_withdraw = self.random.chance(0.2);
        if let Some(user) = self.users.get(line.user)
            && !user.withdraws
            && may_withdraw
        {
            user.withdraws = true;
            let at = self.now + DAY_US + self.random.below(10 * DAY_US as u64 / 1_000) as i64 * 1_000;
            self.agenda.add(at, Task::Withdraw(line.user, line.txn.currency));
        }
    }

    fn post_shares(&mut self, line: &mut OrderLine) {
        let (Some(net), Some(paid_at)) = (line.commission_net(), line.txn.pay_time) else { return };
        let txn = &line.txn;
        let Some(rule) = self.rules.best(txn.platform, &txn.merchant_id, txn.category_id.as_deref(), paid_at) else {
            return;
        };
        let level = self.users.get(line.user).and_then(|user| user.level).filter(|(_, since)| *since <= paid_at);
        let multiplier = level.map_or(MILLION, |(level, _)| LEVELS[level].1);
        let uncapped = net * rule.user_share * multiplier / (MILLION * MILLION);
        let rebate = rule.cap_per_order.map_or(uncapped, |cap| uncapped.min(cap));
        self.post_entry(line, "REBATE", line.user, rebate, None);
        let mut inviter = line.user;
        for tier in [1, 2] {
            let Some(next) = self.users.inviter_of(inviter) else { return };
            // A circle ends where it comes back to the buyer.
            if next == inviter || next == line.user {
                return;
            }
            inviter = next;
            self.post_entry(line, "INVITER", inviter, net * inviter_rate(tier, paid_at) / MILLION, None);
        }
    }

    fn post_entry(
        &mut self,
        line: &mut OrderLine,
        entry_type: &'static str,
        user: u32,
        amount: i128,
        campaign: Option<String>,
    ) {
        if amount <= 0 {
            return;
        }
        let entry_id = format!("b{:010}", self.number());
        let campaign_id = campaign.clone();
        line.posted.push(Posted { entry_id: entry_id.clone(), entry_type, user, amount, campaign_id });
        let mut entry = self.entry(entry_id, entry_type, user, amount, line.txn.currency);
        entry.platform = Some(line.txn.platform);
        entry.order_line_id = Some(line.txn.order_line_id.clone());
        entry.campaign_id = campaign;
        entry.cause_event_id = Some(line.txn.event_id.clone());
        self.push(entry);
    }

    fn entry(
        &mut self,
        entry_id: String,
        entry_type: &'static str,
        user: u32,
        amount: i128,
        currency: &'static str,
    ) -> LedgerEntry {
        *self.books.balances.entry((user, currency)).or_default() += amount;
        LedgerEntry {
            entry_id,
            user_id: user_id(user),
            entry_type,
            amount,
            currency,
            platform: None,
            order_line_id: None,
            campaign_id: None,
            rule_id: None,
            rule_version: None,
            cause_event_id: None,
            reverses_entry_id: None,
            withdrawal_id: None,
            event_time: self.now,
            ingest_time: self.now + 200_000,
        }
    }

    /// The network took back: every entry is taken back whole, and what is left of the line is posted anew.
    pub(super) fn take_back_posted(&mut self, line: &mut OrderLine) {
        let is_lost = line.txn.status == "REVERSED";
        for posted in std::mem::take(&mut line.posted) {
            if !is_lost && matches!(posted.entry_type, "BONUS" | "FIRST_ORDER") {
                line.posted.push(posted);
                continue;
            }
            let entry_id = format!("b{:010}", self.number());
            let mut entry = self.entry(entry_id, "CLAWBACK", posted.user, -posted.amount, line.txn.currency);
            entry.platform = Some(line.txn.platform);
            entry.order_line_id = Some(line.txn.order_line_id.clone());
            entry.cause_event_id = Some(line.txn.event_id.clone());
            entry.campaign_id = posted.campaign_id;
            entry.reverses_entry_id = Some(posted.entry_id);
            self.push(entry);
        }
        if !is_lost {
            self.post_shares(line);
        }
    }

    /// The user asks for his money, if it is enough.
    pub(super) fn withdraw(&mut self, user: u32, currency: &'static str) {
        let balance = self.books.balances.get(&(user, currency)).copied().unwrap_or_default();
        if balance < WITHDRAWAL_MIN {
            return self.end_withdrawal(user);
        }
        let withdrawal = Withdrawal {
            withdrawal_id: format!("w{:09}", self.number()),
            version: 1,
            user_id: user_id(user),
            amount: balance / 100 * 100,
            fee: 0,
            currency,
            channel: "ALIPAY",
            status: "REQUESTED",
            event_time: self.now,
            ingest_time: self.now + 300_000,
        };
        self.push(withdrawal.clone());
        self.agenda.add(self.now + HOUR_US, Task::Withdrawal(Box::new(withdrawal), user));
    }

    /// A withdrawal goes on: approved or rejected, then paid if the money is still there.
    pub(super) fn go_on(&mut self, mut withdrawal: Withdrawal, user: u32) {
        withdrawal.version += 1;
        (withdrawal.event_time, withdrawal.ingest_time) = (self.now, self.now + 300_000);
        if withdrawal.status == "REQUESTED" && self.random.chance(0.95) {
            withdrawal.status = "APPROVED";
            self.agenda.add(self.now + DAY_US, Task::Withdrawal(Box::new(withdrawal.clone()), user));
            return self.push(withdrawal);
        }
        let balance = self.books.balances.get(&(user, withdrawal.currency)).copied().unwrap_or_default();
        withdrawal.status = match withdrawal.status {
            "REQUESTED" => "REJECTED",
            _ if balance < withdrawal.amount => "FAILED",
            _ => "PAID",
        };
        if withdrawal.status == "PAID" {
            let entry_id = format!("b{:010}", self.number());
            let mut entry = self.entry(entry_id, "WITHDRAW", user, -withdrawal.amount, withdrawal.currency);
            entry.withdrawal_id = Some(withdrawal.withdrawal_id.clone());
            self.push_with_next(entry);
        }
        self.push(withdrawal);
        self.end_withdrawal(user);
    }

    fn end_withdrawal(&mut self, user: u32) {
        if let Some(user) = self.users.get(user) {
            user.withdraws = false;
        }
    }
}
