//! The tables that the generator fills, with the columns of `schemas/`. Those that it leaves out are NULL.

use crate::demo::row::{Record, Value, json_of, tables};

tables! {
    records: [
        "raw_tbk", "raw_tbk_refunds", "raw_jd", "raw_pdd", "raw_awin", "raw_cj", "raw_impact", "raw_impact_updates"
    ]

    /// A version of an order line, as an affiliate network reports it.
    AffiliateTxn is "affiliate_txn" by (platform, order_line_id) {
        event_id: text, platform: name, order_line_id: text, source_modified: time, status: name, status_rank: integer,
        user_id: optional text, merchant_id: text, item_id: optional text, category_id: optional text,
        campaign_id: optional text, currency: name, pay_amount: money, commission_rate: optional rate,
        est_commission: optional money,
        act_commission: optional money, service_fee_rate: rate, pay_time: optional time, receive_time: optional time,
        settle_time: optional time, ingest_time: time, parent_order_id: text, click_id: optional text,
        sub_id: optional text, sku_id: optional text, qty: optional integer, qty_returned: optional integer,
        settle_amount: optional money, service_fee: optional money, click_time: optional time, order_time: time,
        decline_reason: optional name,
    }

    /// A version of a rule that says which share of the commission the user gets.
    RateRule is "rate_rules" by (rule_id) {
        rule_id: text, version: integer, platform: name, merchant_id: optional text, category_id: optional text,
        user_share: rate, cap_per_order: optional money, priority: integer, valid_from: time, valid_to: time,
    }

    /// A movement of stock. `qty` is never negative but of an ADJUST; `move_type` says what it means.
    StockMovement is "stock_movements" by (sku_id, warehouse_id) {
        movement_id: text, sku_id: text, warehouse_id: text, move_type: name, qty: integer, order_id: optional text,
        event_time: time, ingest_time: time, reservation_id: optional text, seq: integer,
    }

    /// A stocktake.
    StockSnapshot is "stock_snapshots" by (sku_id, warehouse_id) {
        snapshot_id: text, sku_id: text, warehouse_id: text, counted: integer, event_time: time, ingest_time: time,
    }

    /// What is known of a SKU.
    Sku is "sku_dim" by (sku_id) {
        sku_id: text, version: integer, merchant_id: text, item_id: text, safety_stock: integer,
        lead_time_days: integer,
    }

    /// A click that leaves for a merchant.
    ClickEvent is "click_events" by (user_id) {
        click_id: text, user_id: text, device_id: text, platform: name, merchant_id: text, item_id: text,
        campaign_id: optional text, quoted_share: optional rate, rule_id: optional text,
        rule_version: optional integer, event_time: time, ingest_time: time,
    }

    /// A name that a network knows a user by.
    UserBinding is "user_bindings" by (platform, sub_id) {
        platform: name, sub_id: text, version: integer, user_id: text,
    }

    /// A user as he is now.
    UserCurrent is "user_current" by (user_id) {
        user_id: text, version: integer, inviter_id: optional text, registered_at: time, status: name,
    }

    /// Which level a user had when.
    UserLevel is "user_scd" by (user_id) {
        user_id: text, valid_from: time, valid_to: time, version: integer, level: name,
    }

    /// What a level multiplies the user's share by.
    MemberLevel is "member_levels" by (level) {
        level: name, valid_from: time, valid_to: time, version: integer, multiplier: rate,
    }

    /// Which share goes to inviters.
    InviterRate is "inviter_rates" by (tier) {
        tier: integer, valid_from: time, valid_to: time, version: integer, rate: rate,
    }

    /// An exchange rate.
    FxRate is "fx_rates" by (currency) {
        currency: name, valid_from: time, valid_to: time, version: integer, rate_to_cny: exchange,
    }

    /// A campaign that adds to rebates.
    Campaign is "campaigns" by (campaign_id) {
        campaign_id: text, version: integer, kind: name, currency: name, budget: money, cap_user_day: money,
        cap_order: optional money, valid_from: time, valid_to: time,
    }

    /// An entry of the books.
    LedgerEntry is "ledger_entries" by (user_id) {
        entry_id: text, user_id: text, entry_type: name, amount: money, currency: name, platform: optional name,
        order_line_id: optional text, campaign_id: optional text, rule_id: optional text,
        rule_version: optional integer, cause_event_id: optional text, reverses_entry_id: optional text,
        withdrawal_id: optional text, event_time: time, ingest_time: time,
    }

    /// A version of a withdrawal.
    Withdrawal is "withdrawals" by (user_id) {
        withdrawal_id: text, version: integer, user_id: text, amount: money, fee: money, currency: name,
        channel: name, status: name, event_time: time, ingest_time: time,
    }

    /// A version of a refund.
    RefundEvent is "refund_events" by (platform, order_line_id) {
        refund_id: text, version: integer, platform: name, order_line_id: text, refund_amount: money,
        commission_back: money, currency: name, status: name, event_time: time, ingest_time: time,
    }

    /// A version of a claim: a user misses an order.
    Claim is "claims" by (user_id) {
        claim_id: text, version: integer, user_id: text, platform: name, order_ref: text, status: name,
        event_time: time, ingest_time: time,
    }

    /// What a risk rule said.
    RiskSignal is "risk_signals" by (subject_id) {
        signal_id: text, subject_type: name, subject_id: text, rule: name, score: rate, action: name,
        event_time: time, ingest_time: time,
    }

    /// A line of a network's monthly statement.
    StatementLine is "affiliate_statements" by (platform, order_line_id) {
        file_id: text, line_no: integer, platform: name, order_line_id: text, statement_month: date,
        commission: money, currency: name,
    }

    /// What a user does in the App.
    UserEvent is "user_events" by (user_id) {
        event_id: text, user_id: text, device_id: text, session_id: text, event_type: name, item_id: optional text,
        merchant_id: optional text, page: name, event_time: time, ingest_time: time,
    }

    /// A coupon as it is now.
    Coupon is "coupons" by (coupon_id) {
        coupon_id: text, version: integer, user_id: optional text, campaign_id: optional text, face_value: money,
        currency: name, status: name, valid_from: time, valid_to: time,
    }

    /// An answer of a network, as it came.
    AffiliateRaw is "affiliate_raw" by (fetch_id) {
        fetch_id: text, platform: name, api: name, cursor: text, http_status: integer, body: text, body_hash: text,
        records: optional integer, fetched_at: time,
    }

    /// A request that a service of ours answered.
    SystemLog is "system_logs" by (service) {
        event_id: text, service: name, route: name, status: integer, latency_ms: integer, level: name,
        event_time: time, ingest_time: time,
    }
}

impl Row {
    /// The row as a JSON object. A NULL is written as `null`, or left out when `omit_nulls`.
    pub fn to_json(&self, omit_nulls: bool) -> String {
        json_of(self.fields(), omit_nulls)
    }
}
