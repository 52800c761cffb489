//! The views that are compared, with the columns that are. Left out are ids that SQL makes of what a network wrote, and
//! percentiles, which are approximate.

pub const VIEWS: &[(&str, &str)] = &[
    ("api_health_1m", "service, route, minute, requests, errors, refused, error_rate"),
    ("attribution_gaps", "platform, order_line_id, gap"),
    ("awin_parts", "order_line_id, currency, commission, parts, difference"),
    ("campaign_burndown", "campaign_id, hour, spent, spent_so_far, remaining"),
    ("cap_usage", "entry_id, amount, allowed, over"),
    ("claims_open", "user_id, claim_id, platform, order_ref, status, event_time, lines_found"),
    ("clawbacks", "platform, order_line_id, status_before, status, settled_before, settled, delta, changed_at"),
    ("click_attribution", "platform, order_line_id, method, click_id"),
    ("collector_health", "platform, api, hour, fetches, failures, throttled, records, last_fetched_at"),
    ("collector_silent", "platform, api, last_fetched_at"),
    ("first_order_bonus", "user_id, platform, order_line_id"),
    ("fraud_device_velocity", "device_id, hour, users, clicks, peak_10m"),
    ("fraud_inviter_rings", "user_id, inviter_id, is_self, is_circle, shared_devices"),
    ("fraud_order_and_return", "user_id, lines, lines_lost, penalties"),
    ("funnel_5m", "merchant_id, window_start, clicks, clickers, orders, orders_per_click"),
    ("held_subjects", "subject_type, subject_id, rule, score, held_since"),
    ("ingest_lag_1m", "platform, minute, reports, early, out_of_order, repeated"),
    ("inviter_earnings", "inviter_id, currency, tier, buyers, lines, earned"),
    ("inviter_share", "platform, order_line_id, tier, inviter_id, buyer_id, currency, status, rate, share"),
    ("line_split", "platform, order_line_id, commission_net, rebate, inviter_1, inviter_2, bonus, margin"),
    ("network_rejects", "platform, source, record_id, field, value, fetched_at"),
    (
        "network_txn",
        "platform, order_line_id, source_modified, status, status_rank, user_id, merchant_id, item_id, category_id, \
         currency, pay_amount, commission_rate, est_commission, act_commission, service_fee_rate, pay_time, \
         receive_time, settle_time, ingest_time, parent_order_id, click_id, sub_id, sku_id, qty, qty_returned, \
         settle_amount, service_fee, click_time, order_time",
    ),
    (
        "platform_margin",
        "level, currency, platform, merchant_id, lines, commission_net, rebate, inviters, bonus, margin, \
         lines_negative",
    ),
    ("quarantined_reports", "platform, order_line_id, source_modified, ingest_time, status"),
    ("rate_drift", "platform, merchant_id, category_id, lines, rate_min, rate_max, formula_mismatches"),
    ("rebate_cny", "user_id, rebate_cny, lines, lines_without_rate"),
    (
        "rebate_daily_by_merchant",
        "merchant_id, platform, currency, pay_day, lines, buyers, commission_net, rebate, lines_lost",
    ),
    (
        "rebate_explain",
        "user_id, platform, order_line_id, user_source, status, source_modified, ingest_time, pay_time, pay_amount, \
         settle_amount, commission_rate, est_commission, act_commission, service_fee_rate, service_fee, \
         commission_net, rule_id, rule_version, user_share, user_level, level_mult, uncapped, cap_per_order, rebate, \
         is_capped, quoted_share, quoted_rule_id, quoted_rule_version, click_method, click_id, click_time",
    ),
    ("rebate_line", "platform, order_line_id, user_id, status, rule_id, rule_version, commission_net, rebate"),
    ("rebate_lost", "platform, order_line_id, status, status_before, promised"),
    ("recon_monthly", "platform, month, order_line_id, currency, ours, theirs, verdict"),
    ("recon_summary", "platform, month, currency, verdict, lines, ours, theirs"),
    ("refund_rate_by_merchant", "merchant_id, currency, lines, refunded_lines, paid, refunded"),
    ("settlements_overdue", "platform, order_line_id, status, receive_time, est_commission, due_day"),
    ("stock_available", "sku_id, warehouse_id, on_hand, reserved, available"),
    ("stock_cover", "sku_id, available, sold_24h, days_of_cover"),
    ("stock_drift", "sku_id, warehouse_id, snapshot_id, counted, booked, difference"),
    ("stock_low", "sku_id, available, safety_stock"),
    ("stock_oversold", "sku_id, warehouse_id, kind, movement_id, event_time, available"),
    ("top_items", "category_id, currency, rk, item_id, rebate, lines"),
    ("txn_latest", "platform, order_line_id, source_modified, status, commission_net"),
    ("unrated_lines", "platform, order_line_id, reason"),
    ("user_rebate_balance", "user_id, currency, tracked, pending, received, approved, payable, paid, lost, lines"),
    ("user_sessions", "user_id, session_no, start_time, end_time, clicks"),
    (
        "user_withdrawable",
        "user_id, currency, balance, locked_this_month, held_lines, in_flight_withdrawal, on_hold, withdrawable",
    ),
];
