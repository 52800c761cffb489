//! A call and what was cut out of its answer, as messages: the body to `affiliate_raw`, a record each to the network's
//! own topic.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::record::{json_text, push_member, push_members};

/// The topic of the bodies.
pub const RAW_TOPIC: &str = "affiliate_raw";

/// A longer body is kept out of its message, which a broker with its usual limit of 1 MiB would not take. Its hash and
/// its records are kept.
pub const BODY_BYTES_MAX: usize = 900_000;

/// A message to produce, without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage {
    pub topic: String,
    /// A JSON object.
    pub value: String,
}

/// A call that was answered, or was not.
#[derive(Clone, Debug)]
pub struct Fetch<'a> {
    pub platform: &'a str,
    pub account: Option<&'a str>,
    pub api: &'a str,
    /// Window and page.
    pub cursor: &'a str,
    /// None: no answer.
    pub http_status: Option<u16>,
    pub fetched_at_us: i64,
    pub body: &'a [u8],
}

impl Fetch<'_> {
    /// The name of this call, which no other call has.
    pub fn id(&self) -> String {
        let account = self.account.unwrap_or_default();
        let place = format!("{}|{account}|{}|{}|{}|", self.platform, self.api, self.cursor, self.fetched_at_us);
        let mut hash = Sha256::new();
        hash.update(place);
        hash.update(self.body);
        hex(&hash.finalize()[..16])
    }

    /// The messages of this call under a fetch id: one for the body, then one a record.
    pub fn messages(
        &self,
        fetch_id: &str,
        topic: &str,
        records: Option<&[Box<RawValue>]>,
        columns: &BTreeMap<String, Vec<String>>,
    ) -> Vec<RawMessage> {
        let (hash, fetched_at) = (sha256_hex(self.body), time_text(self.fetched_at_us));
        let mut messages = vec![RawMessage {
            topic: RAW_TOPIC.to_string(),
            value: self.envelope(fetch_id, &hash, &fetched_at, records.map(<[_]>::len)),
        }];
        messages.extend(records.unwrap_or_default().iter().map(|record| {
            let mut value = "{".to_string();
            push_member(&mut value, "fetch_id", &json_text(fetch_id));
            push_member(&mut value, "body_hash", &json_text(&hash));
            push_member(&mut value, "fetched_at", &json_text(&fetched_at));
            push_members(&mut value, record, columns);
            value.push('}');
            RawMessage { topic: topic.to_string(), value }
        }));
        messages
    }

    fn envelope(&self, fetch_id: &str, hash: &str, fetched_at: &str, records: Option<usize>) -> String {
        let kept = (self.body.len() <= BODY_BYTES_MAX).then(|| String::from_utf8_lossy(self.body));
        if kept.is_none() {
            let (platform, api, bytes) = (self.platform, self.api, self.body.len());
            tracing::warn!(platform, api, bytes, "a body is too long for a message: only its records are kept");
        }
        let texts = [
            ("fetch_id", Some(fetch_id)),
            ("platform", Some(self.platform)),
            ("account", self.account),
            ("api", Some(self.api)),
            ("cursor", Some(self.cursor)),
            ("body", kept.as_deref()),
            ("body_hash", Some(hash)),
            ("fetched_at", Some(fetched_at)),
        ];
        let numbers = [("http_status", self.http_status.map(usize::from)), ("records", records)];
        let mut value = "{".to_string();
        for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
            push_member(&mut value, name, &json_text(text));
        }
        for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            push_member(&mut value, name, &number.to_string());
        }
        value.push('}');
        value
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339 in UTC, with microseconds.
fn time_text(us: i64) -> String {
    DateTime::from_timestamp_micros(us).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}
