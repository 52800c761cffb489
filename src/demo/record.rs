//! What each network writes of an order line, and what that says in our own form. The two stand side by side: units,
//! zones and the way to correct are the network's, and what it does not tell is not in the state either.

use std::collections::VecDeque;

use crate::demo::calendar::{DAY_US, HOUR_US, business_day, day_start};
use crate::demo::line::{OrderLine, Step};
use crate::demo::poll::{Api, Unread};
use crate::demo::tables::{AffiliateTxn, RefundEvent};
use crate::demo::text::{push_date, push_decimal, push_time};

/// One transaction of Awin in so many has parts that do not add up.
const ODD_PARTS: u64 = 5;

type Named = Vec<(&'static str, Option<String>)>;

/// A record of an action at CJ: amounts that are added to those before.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    id: String,
    at: i64,
    sale: i128,
    commission: i128,
}

fn some(text: &str) -> Option<String> {
    Some(text.to_string())
}

/// Hundredths as units, 380 as `3.80`.
fn units(amount: i128) -> Option<String> {
    decimal(amount, 2)
}

fn decimal(unscaled: i128, scale: u32) -> Option<String> {
    let mut out = String::new();
    push_decimal(&mut out, unscaled, scale);
    Some(out)
}

/// Millionths as percent with four digits.
fn percent(rate: i128) -> Option<String> {
    decimal(rate, 4)
}

/// Beijing local time to the second, without a zone.
fn beijing(time_us: i64) -> String {
    let mut out = String::new();
    push_time(&mut out, time_us + 8 * HOUR_US);
    out.truncate("2026-11-01T00:00:00".len());
    out.replace('T', " ")
}

/// The same, or `--`.
fn beijing_or_dashes(time_us: Option<i64>) -> Option<String> {
    Some(time_us.map_or("--".to_string(), beijing))
}

/// The business day as `20261120`.
fn compact_day(time_us: i64) -> String {
    let mut out = String::new();
    push_date(&mut out, business_day(time_us));
    out.replace('-', "")
}

fn utc(time_us: i64) -> String {
    let mut out = String::new();
    push_time(&mut out, time_us);
    out
}

/// New York's winter time, with its offset.
fn with_offset(time_us: i64) -> String {
    utc(time_us - 5 * HOUR_US).replace('Z', "-05:00")
}

fn seconds(time_us: Option<i64>) -> Option<String> {
    Some(time_us.unwrap_or_default().div_euclid(1_000_000).to_string())
}

/// The whole second that a time is in.
pub(super) fn whole_second(time_us: i64) -> i64 {
    time_us - time_us.rem_euclid(1_000_000)
}

impl OrderLine {
    /// What the network says of the line now: one record, or one for each correction so far.
    pub(super) fn records(&mut self, api: Api) -> Vec<Unread> {
        let mut said = self.txn.clone();
        (said.user_id, said.campaign_id, said.decline_reason) = (None, None, None);
        if is_lost(&said) {
            said.act_commission = Some(0);
        }
        match api {
            Api::Tbk => vec![self.of_tbk(said)],
            Api::Jd => vec![self.of_jd(said)],
            Api::Pdd => vec![self.of_pdd(said)],
            Api::Awin => vec![self.of_awin(said)],
            Api::Cj => self.of_cj(said),
            Api::Impact => vec![self.of_impact(said)],
            Api::ImpactUpdates => vec![self.of_impact_update(said)],
            Api::TbkRefunds => vec![],
        }
    }

    /// The commission as it stands, before the network's fee.
    fn current(&self) -> i128 {
        if is_lost(&self.txn) { self.commission } else { self.txn.act_commission.unwrap_or(self.commission) }
    }

    fn of_tbk(&self, mut said: AffiliateTxn) -> Unread {
        let (status, is_settled) = match said.status {
            "TRACKED" => ("11", false),
            "PENDING" => ("12", false),
            "RECEIVED" => ("14", false),
            "PAYABLE" => ("3", true),
            _ => ("13", false),
        };
        said.est_commission = Some(self.commission);
        said.act_commission = said.act_commission.filter(|_| is_settled || status == "13");
        said.settle_amount = said.settle_amount.filter(|_| is_settled);
        let commission = if is_settled { self.current() } else { self.commission };
        let fee = commission * said.service_fee_rate / 1_000_000;
        said.service_fee = (status != "13").then_some(fee);
        (said.sku_id, said.qty_returned, said.receive_time) = (None, None, None);
        let named: Named = vec![
            ("trade_id", some(&said.order_line_id)),
            ("trade_parent_id", some(&said.parent_order_id)),
            ("tk_status", some(status)),
            ("item_id", said.item_id.clone()),
            ("item_num", said.qty.map(|qty| qty.to_string())),
            ("item_category_name", said.category_id.clone()),
            ("seller_shop_title", some(&said.merchant_id)),
            ("click_time", beijing_or_dashes(said.click_time)),
            ("tk_create_time", beijing_or_dashes(Some(said.order_time))),
            ("tb_paid_time", beijing_or_dashes(said.pay_time)),
            ("tk_paid_time", beijing_or_dashes(said.pay_time)),
            ("tk_earning_time", beijing_or_dashes(said.settle_time)),
            ("modified_time", Some(beijing(said.source_modified))),
            ("alipay_total_price", units(said.pay_amount)),
            ("pay_price", Some(said.settle_amount.and_then(units).unwrap_or("--".to_string()))),
            ("total_commission_rate", said.commission_rate.and_then(percent)),
            ("tk_total_rate", said.commission_rate.and_then(percent)),
            ("pub_share_pre_fee", units(self.commission)),
            ("pub_share_fee", if is_settled { units(commission) } else { some("--") }),
            ("alimama_rate", percent(said.service_fee_rate)),
            ("alimama_share_fee", units(fee)),
            ("relation_id", said.sub_id.clone()),
            ("unid", said.click_id.clone()),
        ];
        Unread { named, line: Some(said), refund: None }
    }

    /// A refund at Taobao, which changes no order: before the settlement the buyer's alone, after it also our loss.
    pub(super) fn refund_of_tbk(&self, refund: RefundEvent, is_settled: bool) -> Unread {
        let named: Named = vec![
            ("tb_trade_id", some(&refund.order_line_id)),
            ("tb_trade_parent_id", some(&self.txn.parent_order_id)),
            ("refund_status", some(if is_settled { "12" } else { "2" })),
            ("refund_fee", units(refund.refund_amount)),
            ("tk_commission_fee_refund_pub", if is_settled { units(refund.commission_back) } else { some("--") }),
            ("tk_refund_time", Some(beijing(refund.event_time))),
            ("tk_refund_suit_time", Some(beijing(refund.event_time))),
            ("modified_time", Some(beijing(refund.event_time))),
        ];
        let line = is_settled.then(|| {
            let mut said = self.txn.clone();
            (said.user_id, said.campaign_id, said.decline_reason, said.sku_id) = (None, None, None, None);
            (said.qty_returned, said.receive_time, said.service_fee) = (None, None, None);
            (said.est_commission, said.source_modified) = (Some(self.commission), refund.event_time);
            // What was settled stays: Taobao does not change it.
            said.settle_amount = self.settled_amount;
            said.status_rank = if said.status == "REVERSED" { 6 } else { 5 };
            said
        });
        Unread { named, line, refund: Some(refund) }
    }

    fn of_jd(&self, mut said: AffiliateTxn) -> Unread {
        let settles_at = said.settle_time.or(self.settles_at().filter(|_| said.status == "APPROVED"));
        if said.status == "APPROVED" && settles_at.is_none() {
            (said.status, said.status_rank) = ("RECEIVED", 2);
        }
        let balance = said.settle_time.map(|settled| {
            let first = self.settled_commission.unwrap_or_default();
            let back = first - if said.status == "REVERSED" { 0 } else { self.current() };
            let [paid, taken] = [first, -back].map(|amount| units(amount).unwrap_or_default());
            let day = compact_day(settled);
            let later = compact_day(said.source_modified);
            if back == 0 { format!("{{{day}:{paid}}}") } else { format!("{{{day}:{paid},{later}:{taken}}}") }
        });
        let code = match said.status {
            "TRACKED" => "15",
            "PENDING" => "16",
            "DECLINED" => "3",
            _ => "17",
        };
        said.est_commission = Some(self.commission);
        said.settle_time = settles_at.map(|at| day_start(business_day(at)));
        said.pay_time = (said.status != "TRACKED").then_some(said.order_time);
        (said.sku_id, said.click_time) = (said.item_id.clone(), None);
        let actual = said.receive_time.is_some().then(|| self.current());
        let named: Named = vec![
            ("id", some(&said.order_line_id)),
            ("orderId", some(&said.parent_order_id)),
            ("orderTime", Some(beijing(said.order_time))),
            ("finishTime", said.receive_time.map(beijing)),
            ("modifyTime", Some(beijing(said.source_modified))),
            ("validCode", some(code)),
            ("skuId", said.item_id.clone()),
            ("skuNum", said.qty.map(|qty| qty.to_string())),
            ("skuReturnNum", said.qty_returned.map(|qty| qty.to_string())),
            ("popId", some(&said.merchant_id)),
            ("cid1", said.category_id.clone()),
            // Twice the rate, of which half is ours.
            ("commissionRate", said.commission_rate.and_then(|rate| percent(2 * rate))),
            ("finalRate", some("50")),
            ("estimateCosPrice", units(said.pay_amount)),
            ("estimateFee", units(self.commission)),
            ("actualCosPrice", said.settle_amount.and_then(units)),
            ("actualFee", actual.and_then(units)),
            ("payMonth", Some(settles_at.map_or("0".to_string(), compact_day))),
            ("balanceExt", Some(balance.unwrap_or("{}".to_string()))),
            ("subUnionId", said.click_id.clone()),
            ("positionId", some("0")),
        ];
        Unread { named, line: Some(said), refund: None }
    }

    fn of_pdd(&self, mut said: AffiliateTxn) -> Unread {
        let status = match said.status {
            "TRACKED" => "-1",
            "PENDING" => "0",
            "RECEIVED" => "2",
            "APPROVED" => "3",
            "PAYABLE" => "5",
            "REVERSED" => "10",
            _ => "4",
        };
        let commission = self.current();
        said.est_commission = Some(commission);
        said.act_commission = said.act_commission.filter(|_| !matches!(status, "-1" | "0" | "2"));
        (said.sku_id, said.qty_returned, said.settle_amount, said.click_time) = (None, None, None, None);
        let uid = said.sub_id.as_ref().map(|click| format!("{{\"uid\":\"{click}\"}}"));
        let named: Named = vec![
            ("order_sn", some(&said.order_line_id)),
            ("order_status", some(status)),
            ("order_create_time", seconds(Some(said.order_time))),
            ("order_pay_time", seconds(said.pay_time)),
            ("order_receive_time", seconds(said.receive_time)),
            ("order_settle_time", seconds(said.settle_time)),
            ("order_modify_at", seconds(Some(said.source_modified))),
            ("order_amount", Some(said.pay_amount.to_string())),
            ("goods_id", said.item_id.clone()),
            ("goods_quantity", said.qty.map(|qty| qty.to_string())),
            ("cat_ids", said.category_id.clone()),
            ("mall_id", some(&said.merchant_id)),
            ("promotion_rate", said.commission_rate.map(|rate| (rate / 1_000).to_string())),
            ("promotion_amount", Some(commission.to_string())),
            ("custom_parameters", uid),
            ("group_id", some(&said.parent_order_id)),
        ];
        Unread { named, line: Some(said), refund: None }
    }

    /// What networks abroad do not tell.
    fn abroad(said: &mut AffiliateTxn) {
        (said.sku_id, said.qty, said.qty_returned, said.settle_amount) = (None, None, None, None);
        said.act_commission = said.act_commission.filter(|_| !matches!(said.status, "PENDING" | "RECEIVED"));
        if said.status == "RECEIVED" {
            (said.status, said.status_rank) = ("PENDING", 1);
        }
        said.order_time = said.pay_time.unwrap_or(said.order_time);
        said.commission_rate = None;
    }

    fn of_awin(&self, mut said: AffiliateTxn) -> Unread {
        let commission = self.current();
        OrderLine::abroad(&mut said);
        let status = match said.status {
            "PENDING" => "pending",
            "APPROVED" | "PAYABLE" => "approved",
            _ => "declined",
        };
        if status == "declined" {
            (said.status, said.status_rank) = ("DECLINED", 5);
        }
        said.est_commission = Some(commission);
        said.commission_rate = Some(commission * 1_000_000 / said.pay_amount);
        said.receive_time = self.approved_at;
        said.settle_time = self.approved_at.filter(|_| said.status == "PAYABLE");
        let first = commission / 2;
        let odd = i128::from(self.number % ODD_PARTS == 0) * 41;
        let [a, b] = [first, commission - first + odd].map(|amount| units(amount).unwrap_or_default());
        let named: Named = vec![
            ("id", some(&said.order_line_id)),
            ("advertiserId", some(&said.merchant_id)),
            ("orderRef", some(&said.parent_order_id)),
            ("commissionStatus", some(status)),
            ("saleAmount_amount", units(said.pay_amount)),
            ("saleAmount_currency", some(said.currency)),
            ("commissionAmount_amount", units(commission)),
            ("commissionAmount_currency", some(said.currency)),
            ("clickRefs_clickRef", said.sub_id.clone()),
            ("clickDate", said.click_time.map(utc)),
            ("transactionDate", said.pay_time.map(utc)),
            ("validationDate", said.receive_time.map(utc)),
            ("amended", some(if commission == self.commission { "false" } else { "true" })),
            ("oldCommissionAmount_amount", units(self.commission).filter(|_| commission != self.commission)),
            ("paidToPublisher", some(if said.status == "PAYABLE" { "true" } else { "false" })),
            ("transactionParts", Some(format!("[{{\"commissionAmount\":{a}}},{{\"commissionAmount\":{b}}}]"))),
        ];
        Unread { named, line: Some(said), refund: None }
    }

    /// All records of the action, each with its state now: the original says how far it is.
    fn of_cj(&mut self, mut said: AffiliateTxn) -> Vec<Unread> {
        OrderLine::abroad(&mut said);
        let is_reversed = self.txn.status == "REVERSED";
        let left = if self.is_refunded_whole { 0 } else { self.current() };
        let so_far: i128 = self.postings.iter().map(|posting| posting.commission).sum();
        if self.postings.is_empty() || left != so_far {
            let id = format!("{}.{}", said.order_line_id, self.postings.len());
            let sale = if self.postings.is_empty() { said.pay_amount } else { 0 };
            self.postings.push(Posting { id, at: said.source_modified, sale, commission: left - so_far });
        }
        let action = match self.txn.status {
            "APPROVED" => "LOCKED",
            "PAYABLE" | "REVERSED" => "CLOSED",
            _ => "NEW",
        };
        let is_refused = self.txn.status == "DECLINED" && !self.is_refunded_whole;
        let mut records = vec![];
        let (mut sale, mut commission) = (0, 0);
        for (number, posting) in self.postings.iter().enumerate() {
            sale += posting.sale;
            commission += posting.commission;
            let mut state = said.clone();
            let is_lost = is_refused || (number > 0 && commission == 0);
            (state.status, state.status_rank) = match (is_lost, action) {
                (true, "CLOSED") => ("REVERSED", 6),
                (true, _) => ("DECLINED", 5),
                (false, "CLOSED") => ("PAYABLE", 4),
                (false, "LOCKED") => ("APPROVED", 3),
                (false, _) => ("PENDING", 1),
            };
            let is_final = matches!(state.status, "APPROVED" | "PAYABLE");
            state.act_commission = if is_lost { Some(0) } else { Some(commission).filter(|_| is_final) };
            (state.est_commission, state.pay_amount) = (Some(commission), sale);
            (state.event_id, state.source_modified) = (posting.id.clone(), posting.at);
            state.receive_time = self.approved_at.filter(|_| is_final);
            state.settle_time = self.approved_at.filter(|_| matches!(state.status, "PAYABLE" | "REVERSED"));
            let named: Named = vec![
                ("commissionId", some(&posting.id)),
                ("original", some(if number == 0 { "true" } else { "false" })),
                ("originalActionId", some(&said.order_line_id)),
                ("orderId", some(&said.parent_order_id)),
                ("actionStatus", some(action)),
                ("validationStatus", some(if is_refused { "DECLINED" } else { "PENDING" })),
                ("correctionReason", (number > 0).then(|| if is_reversed { "REVERSED" } else { "RETURN" }.to_string())),
                ("advertiserId", some(&said.merchant_id)),
                ("shopperId", said.sub_id.clone()),
                ("clickDate", said.click_time.map(utc)),
                ("eventDate", said.pay_time.map(utc)),
                ("postingDate", Some(utc(posting.at))),
                ("lockingDate", self.approved_at.map(utc)),
                ("saleAmountUsd", units(posting.sale)),
                ("pubCommissionAmountUsd", units(posting.commission)),
            ];
            records.push(Unread { named, line: Some(state), refund: None });
        }
        records
    }

    fn state_of_impact(&self, said: &mut AffiliateTxn) -> &'static str {
        OrderLine::abroad(said);
        if self.txn.status == "REVERSED" || (self.txn.status == "DECLINED" && self.approved_at.is_some()) {
            (said.status, said.status_rank) = ("REVERSED", 6);
        }
        said.receive_time = self.approved_at.filter(|_| matches!(said.status, "APPROVED" | "PAYABLE"));
        match said.status {
            "PENDING" => "PENDING",
            "APPROVED" | "PAYABLE" => "APPROVED",
            _ => "REVERSED",
        }
    }

    fn of_impact(&self, mut said: AffiliateTxn) -> Unread {
        let commission = self.current();
        let state = self.state_of_impact(&mut said);
        said.est_commission = Some(commission);
        let named: Named = vec![
            ("Id", some(&said.order_line_id)),
            ("CampaignId", some(&said.merchant_id)),
            ("State", some(state)),
            ("Payout", units(commission)),
            ("Amount", units(said.pay_amount)),
            ("Currency", some(said.currency)),
            ("EventDate", said.pay_time.map(with_offset)),
            ("ReferringDate", said.click_time.map(with_offset)),
            ("CreationDate", said.pay_time.map(with_offset)),
            ("LockingDate", self.approved_at.map(with_offset)),
            ("ClearedDate", said.settle_time.map(with_offset)),
            ("Oid", some(&said.parent_order_id)),
            ("SubId1", said.sub_id.clone()),
        ];
        Unread { named, line: Some(said), refund: None }
    }

    /// The difference to the update before.
    fn of_impact_update(&mut self, mut said: AffiliateTxn) -> Unread {
        let state = self.state_of_impact(&mut said);
        let (sale, payout) = if state == "REVERSED" { (0, 0) } else { (said.pay_amount, self.current()) };
        let so_far =
            self.postings.iter().fold((0, 0), |sum, posting| (sum.0 + posting.sale, sum.1 + posting.commission));
        let id = said.event_id.clone();
        let posting = Posting { id, at: said.source_modified, sale: sale - so_far.0, commission: payout - so_far.1 };
        (said.pay_amount, said.est_commission, said.click_time) = (sale, Some(payout), None);
        let named: Named = vec![
            ("Id", some(&posting.id)),
            ("ActionId", some(&said.order_line_id)),
            ("CampaignId", some(&said.merchant_id)),
            ("State", some(state)),
            ("DeltaPayout", units(posting.commission)),
            ("DeltaAmount", units(posting.sale)),
            ("Payout", units(payout)),
            ("Currency", some(said.currency)),
            ("EventDate", said.pay_time.map(with_offset)),
            ("UpdateDate", Some(with_offset(posting.at))),
            ("LockingDate", self.approved_at.map(with_offset)),
            ("ClearedDate", said.settle_time.map(with_offset)),
            ("Oid", some(&said.parent_order_id)),
            ("SubId1", said.sub_id.clone()),
        ];
        self.postings.push(posting);
        Unread { named, line: Some(said), refund: None }
    }
}

fn is_lost(txn: &AffiliateTxn) -> bool {
    matches!(txn.status, "DECLINED" | "REVERSED")
}

/// The interface that has a line of a platform.
pub(super) fn api_of(platform: &str, number: u64) -> Api {
    match platform {
        "TBK" => Api::Tbk,
        "JD" => Api::Jd,
        "PDD" => Api::Pdd,
        "AWIN" => Api::Awin,
        "CJ" => Api::Cj,
        _ if number.is_multiple_of(2) => Api::Impact,
        _ => Api::ImpactUpdates,
    }
}

/// The life of a line as a network tells it: Taobao does not say that it approves, networks abroad know of no order
/// before it is paid and approve in the month in which they settle. All tell whole seconds.
pub(super) fn plan_of(api: Api, plan: VecDeque<(i64, Step)>) -> VecDeque<(i64, Step)> {
    let is_abroad = !matches!(api, Api::Tbk | Api::Jd | Api::Pdd);
    let is_paid = plan.iter().any(|(_, step)| *step == Step::Pay);
    if is_abroad && !is_paid {
        return VecDeque::new();
    }
    let settled = plan.iter().find(|(_, step)| *step == Step::Settle).map(|(at, _)| *at);
    let told = plan.into_iter().filter(|(_, step)| match step {
        Step::Track => !is_abroad,
        Step::Approve => api != Api::Tbk,
        Step::PaidOut => false,
        _ => true,
    });
    let moved = told.map(|(at, step)| match (step, settled) {
        (Step::Approve, Some(settled)) if is_abroad => (settled - 5 * DAY_US, step),
        _ => (at, step),
    });
    moved.map(|(at, step)| (whole_second(at + 999_999), step)).collect()
}
