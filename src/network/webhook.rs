//! Webhooks: what a network sends us by itself, as a form or as JSON.
//!
//! A delivery is named by its body: the same body has the same fetch id, so a network that sends it again sends the same
//! record again, and views count it once.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;

use super::Found;
use super::body::{find, records};
use super::definition::{complete, read};
use super::fetch::{Fetch, RawMessage, sha256_hex};
use super::form::decode_form;
use super::record::json_text;
use crate::error::{Error, Result};

/// Characters that a secret has at least.
const SECRET_MIN: usize = 16;

/// The section `[webhook]` of a definition, with what it needs of the rest.
#[derive(Clone)]
pub struct Webhook {
    platform: String,
    topic: String,
    section: Section,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    /// What the caller must show. Empty: the webhook is closed.
    secret: String,
    /// The field of a form that holds the JSON; without it the form's own fields are the record.
    field: Option<String>,
    /// Path of the records in the JSON.
    #[serde(default)]
    records: String,
    /// For a name of the network, the columns that its value goes to, where they differ.
    #[serde(default)]
    columns: BTreeMap<String, Vec<String>>,
    /// Columns that the network does not send, with their value.
    #[serde(default)]
    constants: BTreeMap<String, String>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "webhook of {}", self.platform)
    }
}

/// The webhooks of a directory of definitions, by the names of their files. One whose secret is not in the environment is
/// closed: it is left out, with a line in the log. No directory, no webhooks.
pub fn load_webhooks(
    directory: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, Webhook>> {
    let mut webhooks = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(webhooks) };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml")) {
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if let Some(webhook) = Webhook::load(path, environment)? {
            webhooks.insert(name.to_string(), webhook);
        }
    }
    Ok(webhooks)
}

impl Webhook {
    fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Webhook>> {
        let mut table = read(path)?;
        let mut text = |key: &str| match table.remove(key) {
            Some(toml::Value::String(text)) => Ok(text),
            _ => Err(Error::invalid(format!("{}: there is no text {key}", path.display()))),
        };
        let (platform, topic) = (text("platform")?, text("topic")?);
        let Some(toml::Value::Table(section)) = table.remove("webhook") else { return Ok(None) };
        let section: Section = complete(path, section, &|name| Some(environment(name).unwrap_or_default()))?;
        let file = path.display();
        if section.secret.is_empty() {
            tracing::info!(%file, "the webhook is closed: its secret is not set");
            return Ok(None);
        }
        if section.secret.len() < SECRET_MIN {
            return Err(Error::invalid(format!("{file}: the secret of the webhook is shorter than {SECRET_MIN}")));
        }
        Ok(Some(Webhook { platform, topic, section }))
    }

    /// Whether this is the secret. The time it takes tells nothing of where they differ.
    pub fn admits(&self, secret: &[u8]) -> bool {
        self.section.secret.as_bytes().ct_eq(secret).into()
    }

    /// The messages of a delivery: its body, and each of its records.
    ///
    /// Errors: `Invalid` when the body is not what the definition says.
    pub fn messages(&self, body: &[u8], is_form: bool, received_at_us: i64) -> Result<Vec<RawMessage>> {
        let text = str::from_utf8(body).map_err(|e| Error::invalid("the body is not UTF-8").caused_by(e))?;
        let json = if is_form { self.json_of_form(text)? } else { text.to_string() };
        if self.section.records.is_empty() && find(&json, "") == Found::Value(String::new()) {
            return Err(Error::invalid("the body is empty"));
        }
        let records =
            records(&json, &self.section.records).map_err(|e| Error::invalid(e.message.clone()).caused_by(e))?;
        let records = records.into_iter().map(|record| self.completed(record)).collect::<Result<Vec<_>>>()?;
        let id = format!("webhook-{}-{}", self.platform.to_lowercase(), &sha256_hex(body)[..32]);
        let fetch = Fetch {
            platform: &self.platform,
            account: None,
            api: "WEBHOOK",
            cursor: "",
            http_status: Some(200),
            fetched_at_us: received_at_us,
            body,
        };
        Ok(fetch.messages(&id, &self.topic, Some(&records), &self.section.columns))
    }

    fn json_of_form(&self, text: &str) -> Result<String> {
        let fields = decode_form(text).ok_or_else(|| Error::invalid("the body is not a form"))?;
        if let Some(wanted) = &self.section.field {
            let field = fields.into_iter().find(|(name, _)| name == wanted);
            return field.map(|(_, value)| value).ok_or_else(|| Error::invalid(format!("the form has no {wanted}")));
        }
        let members: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}:{}", json_text(name), json_text(value))).collect();
        Ok(format!("{{{}}}", members.join(",")))
    }

    /// A record with the constants at its end.
    fn completed(&self, record: Box<RawValue>) -> Result<Box<RawValue>> {
        let Some(members) = record.get().trim_end().strip_suffix('}').filter(|_| !self.section.constants.is_empty())
        else {
            return Ok(record);
        };
        let mut out = members.trim_end().to_string();
        for (name, value) in &self.section.constants {
            super::record::push_member(&mut out, name, &json_text(value));
        }
        out.push('}');
        RawValue::from_string(out).map_err(|e| Error::invalid("a record is not JSON").caused_by(e))
    }
}
