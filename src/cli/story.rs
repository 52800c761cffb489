//! What a demo tells while it runs: an order line of one user from its payment to the day on which it can be paid out,
//! why its rebate is what it is, the first article that is nearly sold out, and what the audit views hold.

use std::sync::Arc;

use serde_json::Value;

use crate::demo::user_id;
use crate::error::{Error, Result};
use crate::hot::{Hot, Published};
use crate::query::{LIMIT_MAX, Lookup, Parameters};

/// Networks that report in the currency that is told of.
const NETWORKS: [&str; 3] = ["TBK", "JD", "PDD"];
const CURRENCY: &str = "CNY";
/// Views that must be empty have this prefix.
const AUDIT: &str = "audit_";

/// Follows the views and tells what happens.
pub(super) struct Story {
    hot: Arc<Hot>,
    user: String,
    /// The line that is followed: network, line, status.
    line: Option<[String; 3]>,
    alarm_is_told: bool,
    is_over: bool,
}

impl Story {
    pub(super) fn new(hot: Arc<Hot>) -> Story {
        Story { hot, user: user_id(0), line: None, alarm_is_told: false, is_over: false }
    }

    /// What happened since the last call, as lines of text. Views that were left out or renamed are not told of.
    pub(super) fn go_on(&mut self) -> Vec<String> {
        if self.is_over {
            return vec![];
        }
        let published = self.hot.snapshot();
        let mut told = vec![];
        // A view that is not there, or does not serve, is no reason to stop a demo.
        told.extend(self.alarm(&published).unwrap_or_default());
        told.extend(self.follow(&published).unwrap_or_default());
        told
    }

    /// The state of the audit views as they are served.
    pub(super) fn audit(&self) -> String {
        let published = self.hot.snapshot();
        let audits: Vec<_> = published.views.iter().filter(|(name, _)| name.starts_with(AUDIT)).collect();
        let filled: Vec<String> = audits
            .iter()
            .filter(|(_, state)| state.rows != 0)
            .map(|(name, state)| format!("{name} has {} rows", state.rows))
            .collect();
        let found = if filled.is_empty() { "all are empty".to_string() } else { filled.join(", ") };
        format!("audit: {} views that must be empty, in epoch {}: {found}", audits.len(), published.epoch_name())
    }

    fn follow(&mut self, published: &Published) -> Result<Vec<String>> {
        let Some([network, id, status]) = self.line.clone() else {
            return self.begin(published);
        };
        let rows = rows(
            published,
            "rebate_explain",
            &[("user_id", &self.user), ("platform", &network), ("order_line_id", &id)],
        )?;
        let Some(row) = rows.first().filter(|row| text(row, "status") != status) else {
            return Ok(vec![]);
        };
        let now = text(row, "status");
        self.line = Some([network.clone(), id.clone(), now.to_string()]);
        let mut told =
            vec![format!("{network}/{id} is now {now}, rebate {}. {}", text(row, "rebate"), self.owed(published)?)];
        match now {
            "PAYABLE" => {
                told.push(why(row));
                told.push(self.audit());
                self.is_over = true;
            }
            // Lost: there are others.
            "DECLINED" | "REVERSED" => self.line = None,
            _ => {}
        }
        Ok(told)
    }

    /// Finds a line that was just paid.
    fn begin(&mut self, published: &Published) -> Result<Vec<String>> {
        let rows = rows(published, "rebate_explain", &[("user_id", &self.user)])?;
        let is_new = |row: &&Value| {
            text(row, "status") == "PENDING"
                && NETWORKS.contains(&text(row, "platform"))
                && text(row, "rebate").len() > "0.00".len()
        };
        let Some(row) = rows.iter().find(is_new) else {
            return Ok(vec![]);
        };
        let [network, id] = ["platform", "order_line_id"].map(|name| text(row, name).to_string());
        let told = format!(
            "{} bought for {}: {network}/{id} is PENDING, rebate {}. {}",
            self.user,
            text(row, "pay_amount"),
            text(row, "rebate"),
            self.owed(published)?
        );
        self.line = Some([network, id, "PENDING".to_string()]);
        Ok(vec![told])
    }

    fn owed(&self, published: &Published) -> Result<String> {
        let rows =
            rows(published, "user_rebate_balance", &[("user_id", &self.user), ("currency", &CURRENCY.to_string())])?;
        let row = rows.first().cloned().unwrap_or_default();
        let states =
            ["pending", "received", "approved", "payable"].map(|state| format!("{state} {}", text(&row, state)));
        Ok(format!("Balance: {}", states.join(", ")))
    }

    fn alarm(&mut self, published: &Published) -> Result<Vec<String>> {
        if self.alarm_is_told {
            return Ok(vec![]);
        }
        let rows = rows(published, "stock_low", &[])?;
        let Some(row) = rows.iter().find(|row| row["available"].as_i64().is_some_and(|available| available > 0)) else {
            return Ok(vec![]);
        };
        self.alarm_is_told = true;
        let (sku, left, least) = (text(row, "sku_id"), &row["available"], &row["safety_stock"]);
        Ok(vec![format!("low stock: {sku} has {left} pieces left to sell, its safety stock is {least}")])
    }
}

/// Every factor of a rebate in one sentence.
fn why(row: &Value) -> String {
    let of = |name| text(row, name);
    let short = |name| of(name).trim_end_matches('0').trim_end_matches('.');
    let level = match of("user_level") {
        "" => "no level".to_string(),
        level => format!("level {level}"),
    };
    let end = match row["is_capped"] == Value::Bool(true) {
        true => format!("is at most {}", of("cap_per_order")),
        false => "is cut to fen".to_string(),
    };
    format!(
        "why {}? commission {} less fee {} is {}; times share {} of rule {} version {}, times {} of {level}, is {}, \
         and {end}",
        of("rebate"),
        of("act_commission"),
        of("service_fee"),
        of("commission_net"),
        short("user_share"),
        of("rule_id"),
        row["rule_version"],
        short("level_mult"),
        short("uncapped"),
    )
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

/// The rows that a lookup over HTTP would give.
fn rows(published: &Published, view: &str, key: &[(&str, &String)]) -> Result<Vec<Value>> {
    let key = key.iter().map(|(name, value)| (name.to_string(), Some(value.to_string()))).collect();
    let parameters = Parameters { key, limit: Some(LIMIT_MAX), ..Parameters::default() };
    let mut answer = vec![];
    Lookup::new(published, view, &parameters)?.write(published, &mut answer)?;
    let mut answer: Value =
        serde_json::from_slice(&answer).map_err(|e| Error::internal("an answer is no JSON").caused_by(e))?;
    match answer["rows"].take() {
        Value::Array(rows) => Ok(rows),
        _ => Err(Error::internal("an answer has no rows")),
    }
}
